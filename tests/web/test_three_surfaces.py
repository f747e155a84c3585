"""Who held which role then, and who granted it: the command line, the console and /ledger give one answer, and the same
reasons why it may not be the whole story."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import LedgerError
from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.from_sources import FromSources
from temple_ledger.infrastructure.sources.discord.slash_answers import SlashAnswers
from temple_ledger.infrastructure.sources.discord.slash_command import SlashQuestion
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added, role_removed
from tests.cli.conftest import Typed, environment, temple
from tests.queries.builders import role_created, unfoldable
from tests.web.conftest import ADA, BOB, EVE, GONE, ORACLE, SEER, Started, Visitor

__all__ = ["environment", "temple"]

TWICE = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
"""Half past two in Berlin, summer time; an hour later it is half past two again."""
AGAIN = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
AHEAD = "has not come yet: this is what is known now"
PARKED = "1 member is parked: what is shown here of them is from before"
NOT_KNOWN = "who held it before that is not known"


class Surfaces:
    """The three, on one ledger."""

    def __init__(self, database: Database, visitor: Visitor, temple: Typed) -> None:
        self.database = database
        self.visitor = visitor
        self.temple = temple

    def slash(self, kind: str, **given: str) -> str:
        with snapshot(self.database) as connection:
            answers = SlashAnswers(lambda _: {}, FromSources(), CATALOGUE)
            return answers.answer(connection, SlashQuestion(kind, **given)).replace("\\", "")

    def holders(self, when: str) -> list[tuple[str, str | None]]:
        """Who held the role and by whom, by id: of all three, which have to agree."""
        typed = self.temple("role", "members", ORACLE, "--as-of", when, "--json").data
        seen = self.visitor.get(f"/roles/{ORACLE}?as_of={quote(when)}&format=json").data
        asked = re.findall(r"• <@(\d+)> since <[^>]+>(?: by <@(\d+)>)?", self.slash("role", role=ORACLE, day=when))
        found = sorted((each["user_id"], each["granted_by"]) for each in typed)
        assert found == [(each["user_id"], each["granted_by"]) for each in seen]
        assert found == [(who, by or None) for who, by in asked]
        return found

    def words(self, question: Sequence[str], path: str, kind: str, **given: str) -> list[str]:
        """Everything that each of them says."""
        return [self.temple(*question).stderr, self.visitor.get(path).words, self.slash(kind, **given)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """That of the console, which has it already."""
    return tmp_path / "home"


@pytest.fixture
def surfaces(ledger: LedgerScenario, start: Started, temple: Typed) -> Surfaces:
    return Surfaces(ledger.database, start().signed_in(), temple)


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(role_created(ORACLE, "Oracle", at(0)), *(joined(user_id, at(1)) for user_id in (ADA, BOB, GONE)))
    found.given(role_added(BOB, ORACLE, at(2), by=EVE), role_added(ADA, ORACLE, at(3), by=EVE))
    # at one instant: given and removed, removed and given
    found.given(role_added(GONE, ORACLE, at(4), by=BOB), role_removed(GONE, ORACLE, at(4)))
    found.given(
        role_removed(ADA, ORACLE, TWICE), role_added(ADA, ORACLE, TWICE, by=BOB), role_removed(ADA, ORACLE, AGAIN)
    )
    found.catch_up()
    # late: it was given before all that
    found.when(role_added(GONE, ORACLE, at(2.5), by=ADA))
    found.catch_up()
    return found


def test_all_three_say_the_same_of_any_time(surfaces: Surfaces) -> None:
    assert surfaces.holders(format_instant(at(1))) == []
    assert surfaces.holders(format_instant(at(2.7))) == [(BOB, EVE), (GONE, ADA)]
    assert surfaces.holders(format_instant(at(4))) == [(ADA, EVE), (BOB, EVE)]
    # the hour that Berlin has twice: its offset says which is meant
    assert surfaces.holders("2026-10-25T02:30:00+02:00") == [(ADA, BOB), (BOB, EVE)]
    assert surfaces.holders("2026-10-25T02:30:00+01:00") == [(BOB, EVE)]


@pytest.mark.parametrize("when", ["2026-10-25T02:30", "2026-10-25 02:30", "2026-10-25T02:30:00"])
def test_a_time_without_an_offset_is_refused_by_all_three(surfaces: Surfaces, when: str) -> None:
    assert surfaces.temple("role", "members", ORACLE, "--as-of", when).code == 2
    for path in (f"/roles/{ORACLE}?as_of={when}", f"/members/{ADA}?as_of={when}", f"/events?from={when}"):
        answer = surfaces.visitor.get(path.replace(" ", "%20"))
        assert (answer.status, "has no offset" in answer.words) == (400, True), path
    with pytest.raises(LedgerError, match="has no offset"):
        surfaces.slash("role", role=ORACLE, day=when)


def test_of_a_day_that_has_not_come_all_three_say_so(surfaces: Surfaces) -> None:
    role = ("role", "members", ORACLE, "--as-of", "2999-01-01"), f"/roles/{ORACLE}?as_of=2999-01-01"
    member = ("member", "show", ADA, "--as-of", "2999-01-01"), f"/members/{ADA}?as_of=2999-01-01"
    for said in surfaces.words(*role, "role", role=ORACLE, day="2999-01-01"):
        assert f"2999-01-01 23:59 UTC {AHEAD}" in said
    for said in surfaces.words(*member, "member", who=ADA, day="2999-01-01"):
        assert f"2999-01-01 23:59 UTC {AHEAD}" in said
    for verb in (("member", "history", ADA), ("member", "explain", ADA), ("role", "history", ORACLE), ("members",)):
        assert AHEAD in surfaces.temple(*verb, "--as-of", "2999-01-01").stderr, verb
        assert AHEAD not in surfaces.temple(*verb, "--as-of", f"{datetime.now(UTC):%Y-%m-%d}").stderr, verb
    assert AHEAD in surfaces.temple("role", "diff", ORACLE, "--between", "2998-01-01", "2999-01-01").stderr
    assert AHEAD in surfaces.visitor.get(f"/roles/{ORACLE}/diff?from=2998-01-01&to=2999-01-01").words


def test_that_nobody_held_a_role_before_the_first_grant_is_not_known(surfaces: Surfaces) -> None:
    early = format_instant(at(1))
    role = ("role", "members", ORACLE, "--as-of", early), f"/roles/{ORACLE}?as_of={quote(early)}"
    for said in surfaces.words(*role, "role", role=ORACLE, day=early):
        assert f"the first grant of Oracle in the log is of {at(2):%Y-%m-%d %H:%M} UTC: {NOT_KNOWN}" in said.replace(
            "The first", "the first"
        )
    # and whoever had it before seems to have gained it
    change = ("role", "diff", ORACLE, "--between", "2020-01-01", "2026-02-01"), f"/roles/{ORACLE}/diff?from=2020-01-01"
    for said in surfaces.words(*change, "changes", role=ORACLE, since="2020-01-01"):
        assert NOT_KNOWN in said
    late = format_instant(at(2.7))
    role = ("role", "members", ORACLE, "--as-of", late), f"/roles/{ORACLE}?as_of={quote(late)}"
    for said in surfaces.words(*role, "role", role=ORACLE, day=late):
        assert NOT_KNOWN not in said
    # of a role that nobody ever had there is nothing to say
    assert NOT_KNOWN not in surfaces.slash("role", role=SEER, day=early)


def test_that_somebody_is_parked_all_three_say_from_that_time_on(surfaces: Surfaces, ledger: LedgerScenario) -> None:
    unfoldable(ledger.database, BOB, at(6))
    ledger.catch_up()
    for hours, parked in ((5.0, False), (7.0, True)):
        when = format_instant(at(hours))
        role = ("role", "members", ORACLE, "--as-of", when), f"/roles/{ORACLE}?as_of={quote(when)}"
        for said in surfaces.words(*role, "role", role=ORACLE, day=when):
            assert (PARKED in said) is parked, said
        # a program that reads the list as JSON sees it as well
        listed = surfaces.visitor.get(f"/roles/{ORACLE}?as_of={quote(when)}&format=json")
        assert json.loads(listed.body)["parked"] == int(parked)
    assert "could not be folded" in surfaces.slash("member", who=BOB, day=format_instant(at(7)))
    assert "could not be folded" not in surfaces.slash("member", who=BOB, day=format_instant(at(5)))
