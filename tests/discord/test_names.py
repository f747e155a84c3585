"""Names that Discord sends: in the listener's memory, and nowhere else but the raw bodies of the inbox."""

from functools import partial
from pathlib import Path

import structlog.testing

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.names.lookup import NameLookup
from temple_ledger.infrastructure.names.name import PersonKind
from temple_ledger.infrastructure.names.roles import answer_roles, roles_of
from temple_ledger.infrastructure.names.server import serving_names
from tests.discord.conftest import Running, running
from tests.discord.test_listening import now, people
from tests.ending import LONG
from tests.fakes.discord_guild import TrueGuild, user_object
from tests.fakes.fake_discord import FakeDiscord

NICK = "Zarathustra\u202e the <b>wise</b>"


def name_of(lookup: NameLookup, listening: Running, user_id: str) -> tuple[str, PersonKind]:
    """As soon as it is there."""
    listening.until(lambda: bool(lookup.of([user_id], deadline_seconds=LONG)), f"the name of {user_id}")
    found = lookup.of([user_id], deadline_seconds=LONG)[user_id]
    return found.name, found.kind


def test_frames_snapshots_and_questions_bring_names_and_no_table_has_them(
    database: Database, guild: TrueGuild, fake: FakeDiscord, tmp_path: Path
) -> None:
    ada, bob = people(guild, 2)
    guild.members[ada].nick = "Adalbert of the snapshot"
    gone, bot, unknown = guild.draw(), guild.draw(), guild.draw()
    fake.accounts = {
        gone: {**user_object(gone), "username": "deleted_user_1a2b3c"},
        bot: user_object(bot, bot=True),
    }
    lookup = NameLookup(tmp_path)
    with (
        structlog.testing.capture_logs() as logs,
        running(database, fake) as listening,
        serving_names(tmp_path, listening.listener.names, partial(answer_roles, listening.listener.roles.of)),
    ):
        listening.until_caught_up()
        assert roles_of(tmp_path, ada) == [guild.id, *sorted(guild.members[ada].roles)]
        assert roles_of(tmp_path, gone) is None
        assert name_of(lookup, listening, ada) == ("Adalbert of the snapshot", PersonKind.MEMBER)
        now(guild)
        fake.dispatch(*guild.rename(bob, NICK))
        listening.until(lambda: name_of(lookup, listening, bob)[0] == NICK, "the frame has come")
        assert name_of(lookup, listening, gone) == ("deleted_user_1a2b3c", PersonKind.DELETED)
        assert name_of(lookup, listening, bot) == (user_object(bot)["username"], PersonKind.BOT)
        assert lookup.of([unknown], deadline_seconds=LONG) == {}
        listening.until(lambda: fake.was_asked(f"/users/{unknown}"), "it was looked for")
        assert [*lookup.search("zarathustra", seconds=LONG).names] == [bob]
        assert fake.was_asked("members/search?query=zarathustra")
        listening.until_translated(lambda kinds: kinds.get("GUILD_MEMBER_UPDATE") == 1)
    assert "Zarathustra" not in str(logs)
    assert "Adalbert" not in str(logs)
    assert tables_with(database, "Zarathustra") == ["inbox"]
    assert tables_with(database, "Adalbert") == []


def tables_with(database: Database, text: str) -> list[str]:
    """The tables in a row of which the text stands; a body is searched as it is."""
    with database.connect(DatabaseRole.OWNER) as connection:
        tables = connection.execute(
            "select quote_ident(tablename) from pg_tables where schemaname = 'public' order by 1"
        ).fetchall()
        rows = {
            "inbox": "encode(body, 'escape')",
        }
        return [
            table
            for (table,) in tables
            if connection.execute(
                f"select exists (select from {table} as t where {rows.get(table, 't::text')} like %s)".encode(),
                (f"%{text}%",),
            ).fetchone()
            == (True,)
        ]


def test_discord_that_does_not_answer_costs_the_names_and_nothing_else(
    database: Database, guild: TrueGuild, fake: FakeDiscord, tmp_path: Path
) -> None:
    fake.forbidden.add("/guilds/{guild}/members/{user}")
    lookup = NameLookup(tmp_path)
    with running(database, fake) as listening, serving_names(tmp_path, listening.listener.names):
        listening.until_caught_up()
        lookup.of([guild.draw()], deadline_seconds=LONG)
        listening.until(lambda: any("/members/" in each for each in fake.requests), "Discord was asked")
        now(guild)
        ada = guild.draw()
        fake.dispatch(*guild.join(ada))
        assert name_of(lookup, listening, ada)[1] is PersonKind.MEMBER
