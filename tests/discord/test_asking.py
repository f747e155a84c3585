"""/ledger: what is answered, to whom, and who sees it; through the real discord.py."""

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.position import PositionSet
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.names.name import Names, PersonKind, PersonName
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.from_sources import FromSources
from temple_ledger.infrastructure.queries.sentence import Actor
from temple_ledger.infrastructure.queries.source_page import CellKind, SourceColumn, SourcePage, SourceTable
from temple_ledger.infrastructure.read_models.retraction import Selection, retract
from temple_ledger.infrastructure.sources.discord import slash_answers
from temple_ledger.infrastructure.sources.discord.interactions import EPHEMERAL, NOT_ALLOWED
from temple_ledger.infrastructure.sources.discord.markdown import MOST_CHARACTERS, escaped
from temple_ledger.infrastructure.sources.discord.slash_answers import BadDay, SlashAnswers
from temple_ledger.infrastructure.sources.discord.slash_command import LEDGER, SlashQuestion, interaction_of
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.testing.histories import (
    at,
    changed_tier,
    joined,
    left,
    pledged,
    role_added,
    role_removed,
)
from tests.discord.conftest import running
from tests.fakes.discord_guild import TrueGuild
from tests.fakes.fake_discord import FakeDiscord
from tests.queries.builders import append, append_twice, role_created, unfoldable

ADA, BOB, EVE, PATREON = "500000000000000001", "500000000000000002", "500000000000000003", "216303189073461248"
ORACLE = "400000000000000001"
NAMES = {ADA: PersonName("Ada *Lovelace*"), EVE: PersonName("Eve", PersonKind.BOT)}
EVIL = "@everyone <@&1> **b** ||s|| [x](https://evil.example) \u202e `c` <#1> :a: # h\n> q"


def names_of(user_ids: Iterable[str]) -> Names:
    return {user_id: NAMES[user_id] for user_id in user_ids if user_id in NAMES}


def mismatches(connection: Any) -> list[SourcePage]:
    columns = (SourceColumn("who", "Who", CellKind.PERSON), SourceColumn("role", "Role", CellKind.ROLE))
    rows = [{"who": ADA, "role": ORACLE}]
    people = SourceTable("people", "Pays without the role", columns, rows, "nobody")
    other = SourceTable("token", "Token", (SourceColumn("what", "What"),), [{"what": "secret"}], "none")
    return [SourcePage("Shop", [people, other], notes=["one is unclear"])]


ANSWERS = SlashAnswers(
    names_of,
    FromSources({PATREON: Actor("Patreon", "patreon_membership")}, mismatches),
    CATALOGUE,
    "https://console.example.org",
    clock=lambda: at(30),
)


def answer(ledger: LedgerScenario, kind: str, **given: str) -> str:
    with snapshot(ledger.database) as connection:
        return ANSWERS.answer(connection, SlashQuestion(kind, **given))


def stamp(hours: float) -> str:
    return f"<t:{int(at(hours).timestamp())}:f>"


@pytest.fixture
def history(ledger: LedgerScenario) -> LedgerScenario:
    ledger.given(role_created(ORACLE, "Oracle", at(0)), joined(ADA, at(1)), joined(BOB, at(2)))
    ledger.given(pledged(ADA, "Silver", at(3)), changed_tier(ADA, "Gold", at(5)))
    append(ledger, role_added(ADA, ORACLE, at(6), by=PATREON), granted_by=PATREON, reason="pledged")
    append_twice(ledger, role_added(BOB, ORACLE, at(7)), by=EVE)
    ledger.catch_up()
    return ledger


def test_what_a_member_holds_since_when_by_whom_and_what_happened_last(history: LedgerScenario) -> None:
    first, *lines = answer(history, "member", who=ADA).splitlines()
    assert first == rf"**Ada \*Lovelace\*** (<@{ADA}>)"
    assert lines == [
        f"active, joined {stamp(1)}; pays for **Gold**; 1 role",
        f"• **Oracle** since {stamp(6)} by Patreon",
        "What happened last:",
        rf"• {stamp(6)} **Patreon** gave **Oracle** to **Ada \*Lovelace\*** “pledged”, because: now pays for **Gold**",
        rf"• {stamp(5)} **Ada \*Lovelace\*** now pays for **Gold**",
        rf"• {stamp(3)} **Ada \*Lovelace\*** became a patron\: **Silver**",
        rf"• {stamp(1)} **Ada \*Lovelace\*** joined",
        f"<https://console.example.org/members/{ADA}>",
    ]


def test_what_happened_last_goes_by_when_it_happened_and_says_what_is_retracted(history: LedgerScenario) -> None:
    _, wrong = append(history, role_added(BOB, ORACLE, at(8)), granted_by=EVE)
    # years of an old server, imported today
    history.given(*(role_added(BOB, ORACLE, at(-hour)) for hour in range(1, 9)))
    history.catch_up()
    chosen = Selection(positions=PositionSet.of([wrong]))
    retract(history.database, chosen, BUILT_IN, CATALOGUE, reason="a mistake", by="eve")
    lines = answer(history, "member", who=BOB).splitlines()
    happened = [line.split(" ")[1] for line in lines[lines.index("What happened last:") + 1 : -1]]
    assert happened == [stamp(hours) for hours in (8, 7, 2, -1, -2, -3)]
    assert [line for line in lines if "retracted" in line] == [
        f"• {stamp(8)} **Eve** (bot) gave **Oracle** to <@{BOB}> *(retracted)*"
    ]


def test_what_a_member_held_then(history: LedgerScenario) -> None:
    held = answer(history, "member", who=ADA, day=at(4).isoformat())
    assert "pays for **Silver**; 0 roles" in held
    assert "Oracle" not in held
    assert "nothing of them then" in answer(history, "member", who=ADA, day="2020-01-01")


@pytest.mark.parametrize("kind", sorted(slash_answers._BRANCHES))
def test_an_answer_from_tables_that_are_behind_says_so(history: LedgerScenario, kind: str) -> None:
    history.when(left(BOB, at(9)))
    asked = {"member": {"who": BOB}, "role": {"role": ORACLE}}
    # the others fold from the log whoever is behind; of mismatches, the source's page says it
    if kind in asked:
        assert "1 event" in answer(history, kind, **asked[kind])
    else:
        assert kind in {"changes", "why", "mismatches"}


def test_somebody_who_is_parked_or_not_folded_yet_is_said_to_be(history: LedgerScenario) -> None:
    history.when(left(BOB, at(9)))
    assert "1 event of theirs not in the tables yet" in answer(history, "member", who=BOB)
    unfoldable(history.database, BOB, at(10))
    history.catch_up()
    assert "could not be folded" in answer(history, "member", who=BOB)


def test_who_holds_a_role_now_and_then(history: LedgerScenario) -> None:
    assert answer(history, "role", role=ORACLE).splitlines()[:3] == [
        "2 members hold **Oracle**, the newest first",
        f"• <@{BOB}> since {stamp(7)} by **Eve** (bot)",
        rf"• **Ada \*Lovelace\*** since {stamp(6)} by Patreon",
    ]
    then = answer(history, "role", role=ORACLE, day=at(6.5).isoformat()).splitlines()
    assert then[0] == f"1 member held, {stamp(6.5)}, **Oracle**"
    assert len(then) == 3


def test_who_gained_a_role_and_who_lost_it(history: LedgerScenario) -> None:
    append(history, role_removed(ADA, ORACLE, at(20)), by=EVE)
    history.catch_up()
    lines = answer(history, "changes", role=ORACLE, since=at(6.5).isoformat()).splitlines()
    assert lines[1:5] == [
        "1 member gained it:",
        f"• <@{BOB}> since {stamp(7)} by **Eve** (bot)",
        "1 member lost it:",
        rf"• **Ada \*Lovelace\*** removed by **Eve** (bot) {stamp(20)}, had it since {stamp(6)} by Patreon",
    ]


def test_why_somebody_has_a_role_also_where_the_actor_was_named_later(history: LedgerScenario) -> None:
    assert "**Eve** (bot) gave **Oracle** to" in answer(history, "why", who=BOB, role=ORACLE)
    assert "never had" in answer(history, "why", who=ADA, role="1")


def test_mismatches_are_those_tables_of_sources_that_are_about_people(history: LedgerScenario) -> None:
    assert answer(history, "mismatches").splitlines() == [
        "**Shop**",
        "Pays without the role: 1",
        r"• **Ada \*Lovelace\***, **Oracle**",
        "*one is unclear*",
        "<https://console.example.org/>",
    ]


@pytest.mark.parametrize(
    "given",
    [{"kind": "role", "role": ORACLE, "day": "soon"}, {"kind": "changes", "role": ORACLE, "since": "2999-01-01"}],
)
def test_a_day_that_is_none_is_a_sentence(history: LedgerScenario, given: dict[str, str]) -> None:
    with pytest.raises(BadDay):
        answer(history, **given)


def test_what_people_wrote_is_text_and_an_answer_fits_a_message(ledger: LedgerScenario) -> None:
    ledger.given(role_created(ORACLE, EVIL, at(0)), joined(ADA, at(1)))
    for hour in range(2, 12):
        append(ledger, role_added(ADA, ORACLE, at(hour), by=EVE), granted_by=EVE, reason=EVIL * 400)
        append(ledger, role_removed(ADA, ORACLE, at(hour + 0.5)), by="not an id <@&1>")
    ledger.catch_up()
    for question in ({"kind": "member", "who": ADA}, {"kind": "why", "who": ADA, "role": ORACLE}):
        found = answer(ledger, **question)
        assert len(found) <= MOST_CHARACTERS
        assert r"\@everyone \<\@\&1\> \*\*b\*\* \|\|s\|\| \[x\]\(https\:\/\/evil\.example\)" in found
        assert "\u202e" not in found
        assert "@everyone" not in found.replace(r"\@everyone", "")
    assert escaped("1. a\nb") == r"1\. a\\nb"


def test_every_question_that_is_registered_has_an_answer(history: LedgerScenario) -> None:
    for each in LEDGER["options"]:
        given = {"who": ADA, "role": ORACLE}
        names = {option["name"] for option in each["options"]} & given.keys()
        assert answer(history, each["name"], **{name: given[name] for name in names})


@pytest.mark.parametrize("data", [{}, {"member": None}, {"id": "1", "token": "t", "type": 3}, {"data": []}])
def test_what_is_no_question_is_passed_over(data: dict[str, Any]) -> None:
    assert interaction_of(data) is None


@pytest.fixture
def moderator(guild: TrueGuild) -> str:
    return guild.draw()


def test_who_may_ask_is_answered_and_nobody_else_sees_it(
    database: Database, guild: TrueGuild, fake: FakeDiscord, moderator: str
) -> None:
    oracle, seeker = guild.roles
    guild.join(moderator)
    guild.change_roles(moderator, add=[oracle])
    guild.now = datetime.now(UTC)
    with running(database, fake, slash=ANSWERS, askers=[seeker]) as listening:
        listening.until_caught_up()
        LedgerScenario(database).catch_up()
        asked = fake.ask(moderator, [seeker], "member", who=moderator)
        message = asked.message()
        assert f"(<@{moderator}>)" in message["content"]
        assert "**Oracle** since" in message["content"]
        assert message["flags"] & EPHEMERAL
        assert message["allowed_mentions"] == {"parse": []}
        assert len(asked.answers) == 1
        # somebody without the role, and a question that is not known
        assert fake.ask(moderator, [oracle], "member", who=moderator).text == NOT_ALLOWED
        assert "does not know" in fake.ask(moderator, [seeker], "everything").text
        # an id that the ledger does not have is a sentence
        assert fake.ask(moderator, [seeker], "member", who="1").text.startswith("No member")
        # a question is stored nowhere
        assert "INTERACTION_CREATE" not in listening.kinds()


def test_without_roles_that_may_ask_nobody_is_answered(
    database: Database, guild: TrueGuild, fake: FakeDiscord, moderator: str
) -> None:
    with running(database, fake, slash=ANSWERS) as listening:
        listening.until_caught_up()
        assert "TEMPLE" in fake.ask(moderator, list(guild.roles), "mismatches").text


def test_an_answer_that_takes_longer_is_deferred_first(
    database: Database, guild: TrueGuild, fake: FakeDiscord, moderator: str
) -> None:
    go_on = threading.Event()

    def later(connection: Any) -> list[SourcePage]:
        assert go_on.wait(60)
        return mismatches(connection)

    slow = SlashAnswers(names_of, FromSources({}, later), CATALOGUE)
    (asker, *_) = guild.roles
    with running(database, fake, slash=slow, askers=[asker]) as listening:
        listening.until_caught_up()
        asked = fake.ask(moderator, [asker], "mismatches")
        with asked.changed:
            assert asked.changed.wait_for(lambda: asked.answers, 20)
        assert asked.answers == [{"type": 5, "data": {"flags": EPHEMERAL}}]
        go_on.set()
        assert "Pays without the role" in asked.text
        assert asked.edits[0]["allowed_mentions"] == {"parse": []}
