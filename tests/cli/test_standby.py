"""A standby of the ledger: whoever only reads may ask it; whoever writes is sent to the primary.

On a real one, which streams from a real primary. That the standby answers is shown by a primary that does not.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
import pytest
from click.testing import CliRunner

from temple_ledger import cli
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import DatabaseUnavailable, Refused, UnsafeLog
from temple_ledger.domain.position import START
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, passes
from temple_ledger.infrastructure.database.console_logins import READER, SIGN_IN, as_login, make_console_logins
from temple_ledger.infrastructure.database.standby import Replica
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.webhooks.listening import listening
from temple_ledger.infrastructure.log.reader import GapReader
from temple_ledger.infrastructure.observability.metrics.ledger import LedgerCollector
from temple_ledger.infrastructure.observability.metrics.rebuilds import rebuilds
from temple_ledger.infrastructure.processes.readings import readings
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.web.serving import serving
from temple_ledger.projections.members import members
from tests.cli.conftest import Ended, Typed
from tests.cli.test_every_verb import Path_, verbs
from tests.clusters import Cluster, cluster, standby_of
from tests.inbox.builders import kept
from tests.queries.builders import unfoldable
from tests.web.conftest import ConsoleAtWork

MEMBER: Final = "500000000000000001"
ROLE: Final = "400000000000000001"
NOWHERE: Final = "postgresql://nobody@127.0.0.1:1/none"
CANCELLING: Final = (
    "create function cancelled() returns boolean language plpgsql as 'begin raise serialization_failure; end'",
    "create policy cancelled on inbox_source using (cancelled())",
    "alter table inbox_source enable row level security",
)

READS: Final[dict[Path_, tuple[str, ...]]] = {
    ("status",): (),
    ("events", "export"): (),
    ("events", "list"): (),
    ("events", "show"): ("3",),
    ("events", "tail"): (),
    ("events", "imports"): (),
    ("member", "show"): (MEMBER,),
    ("member", "history"): (MEMBER,),
    ("member", "explain"): (MEMBER,),
    ("member", "list"): (),
    ("member", "find"): ("a",),
    ("members",): (),
    ("role", "list"): (),
    ("role", "members"): (ROLE,),
    ("role", "history"): (ROLE,),
    ("role", "diff"): (ROLE, "--between", "2025-01-01", "2026-06-01"),
    ("verify", "list"): (),
    ("verify", "show"): ("1",),
    ("projection", "list"): (),
    ("projection", "show"): ("members",),
    ("projection", "rows"): ("members", MEMBER),
    ("projection", "history"): ("members", MEMBER),
    ("projection", "explain"): ("members", MEMBER),
    ("projection", "check"): ("temple_ledger.projections.members:members", "--member", MEMBER),
    ("projection", "wait"): ("members", "--position", "3"),
    ("projection", "lanes"): ("members",),
    ("seal", "status"): (),
    ("seal", "head"): (),
    ("seal", "export"): (),
    ("trigger", "status"): (),
    ("failures", "list"): (),
    ("failures", "show"): ("5",),
    ("effects", "list"): (),
    ("feed", "list"): (),
    ("operations", "list"): (),
    ("operations", "show"): ("1",),
    ("inbox", "list"): (),
    ("inbox", "show"): ("1",),
    ("inbox", "sources"): (),
    ("patreon", "mismatches"): (),
    ("drift",): (),  # what mismatches was called before
}
"""Verbs that only read, and how each is typed: a standby answers them all."""

PRIMARY: Final[dict[Path_, tuple[str, ...]]] = {
    ("up",): (),
    ("run",): ("--until-caught-up",),
    ("receive",): ("--port", "0"),
    ("events", "import"): ("lines.jsonl",),
    ("events", "append"): ("--type", "discord_join/joined", "--user", MEMBER),
    ("events", "tail"): ("--follow",),
    ("events", "retract"): ("import:1", "--apply", "--reason", "x"),
    ("events", "reinstate"): ("import:1", "--apply", "--reason", "x"),
    ("member", "erase"): (MEMBER, "--apply", "--reason", "x"),
    ("replay",): (),
    ("verify",): (),
    ("repair",): ("--apply", "--reason", "x"),
    ("reconcile",): (),
    ("projection", "pause"): ("members",),
    ("projection", "resume"): ("members",),
    ("projection", "switch"): ("members", "--to", "1", "--apply"),
    ("projection", "compare"): ("members",),
    ("projection", "drop"): ("members@1", "--apply", "--reason", "x"),
    ("seal", "verify"): (),
    ("seal", "accept"): ("1-2", "--reason", "x"),
    ("seal", "run"): ("--until-sealed",),
    ("trigger", "enable"): ("--yes",),
    ("trigger", "disable"): (),
    ("failures", "retry"): ("--all",),
    ("failures", "skip"): ("5", "--reason", "x"),
    ("effects", "run"): (),
    ("effects", "retry"): ("--all",),
    ("effects", "skip"): ("1", "--reason", "x"),
    ("feed", "forget"): ("members", "bot"),
    ("inbox", "retry"): ("--all",),
    ("inbox", "ignore"): ("1", "--reason", "x"),
    ("inbox", "set-aside"): ("1", "--reason", "x"),
    ("inbox", "translate"): (),
    ("inbox", "prune"): (),
    ("db", "migrate"): (),
    ("archive", "write"): ("--archive", "archive"),
    ("archive", "verify"): ("--archive", "{home}/archive"),
    ("archive", "restore"): ("--archive", "{home}/archive"),
    ("archive", "erase"): ("--archive", "{home}/archive"),
}
"""Verbs that write, or prove, and so want the primary."""

ANYWHERE: Final = frozenset(
    {
        *(("doctor",), ("down",), ("config", "show"), ("demo",), ("monitoring", "export")),
        *(("db", "status"), ("db", "url"), ("db", "shell"), ("db", "start"), ("db", "stop")),
        *(("db", "dump"), ("db", "restore"), ("archive", "list")),
        *(("web",), ("web", "link"), ("web", "actions")),  # they have logins of their own: below
        *(("operate", verb) for verb in ("list", "run", "refuse", "watch")),  # of requests that a console entered
        *(
            ("fleet", each) for each in ("migrate", "status", "verify", "run", "receive", "listen", "doctor")
        ),  # tests/fleet
        *(("discord", "setup"), ("discord", "listen"), ("discord", "backfill"), ("discord", "snapshot")),
        *(("patreon", "setup"), ("patreon", "snapshot"), ("patreon", "webhooks")),
    }
)
"""They ask no ledger, or the database that they are given, or a platform first."""


@dataclass(frozen=True)
class Pair:
    """`home` is the primary's state directory, with an archive in it."""

    primary: Cluster
    standby: Cluster
    home: Path

    def until_replayed(self) -> None:
        """All that the primary has committed can be read on the standby."""
        with psycopg.connect(self.primary.dsn(), autocommit=True) as connection:
            # what was written last may lie in memory until the next commit, for 15 s: this is one
            connection.execute("select pg_logical_emit_message(true, 'test', '')")
            (upto,) = connection.execute("select pg_current_wal_flush_lsn()").fetchall()[0]
        with psycopg.connect(self.standby.dsn(), autocommit=True) as connection:
            while connection.execute("select pg_last_wal_replay_lsn() >= %s", (upto,)).fetchone() != (True,):
                pass


def line(action: str, user: str, target: str | None = None, **metadata: str) -> str:
    kind = "discord_role_change" if target and user != "guild" else "discord_role" if target else "discord_join"
    return json.dumps(
        {"timestamp": "2026-01-01T00:00:00Z", "event_type": kind, "action": action, "user_id": user, "target": target}
        | {"metadata": metadata, "source": "test"}
    )


def typed(*arguments: str, home: Path, stdin: str | None = None, **environment: str) -> Ended:
    fixed = {"TEMPLE_HOME": str(home), "TEMPLE_METRICS_PORT": "0", "TEMPLE_SERVICES_AS_OWNER": "true"}
    result = CliRunner().invoke(cli.temple, list(arguments), input=stdin, env={**fixed, **environment})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A ledger with something to show for every verb, and its standby."""
    home = tmp_path_factory.mktemp("home")
    lines = [
        line("created", "guild", ROLE, name="Oracle"),
        *(line("joined", user) for user in (MEMBER, "ada")),
        line("added", MEMBER, ROLE),
    ]
    with cluster(16) as primary:
        primary.execute("create database temple")
        url = primary.dsn(database="temple")

        def temple(*arguments: str, stdin: str | None = None) -> None:
            ended = typed(*arguments, home=home, stdin=stdin, TEMPLE_DATABASE_URL=url)
            assert ended.code in (0, 3), ended.stderr

        temple("db", "migrate")
        temple("events", "import", "-", stdin="\n".join(lines))
        assert unfoldable(Database(url), "ada", datetime(2026, 1, 2, tzinfo=UTC)) == 5
        kept(Database(url), Delivery("bells", "rung", b"ada", digest_of(b"", b"ada"), datetime.now(UTC)))
        temple("run", "--until-caught-up")
        temple("seal", "run", "--until-sealed")
        temple("projection", "pause", "activity")
        temple("projection", "resume", "activity")
        temple("verify")
        temple("archive", "write", "--archive", str(home / "archive"))
        # whatever is in its way is cancelled at once
        with standby_of(primary, "max_standby_streaming_delay=0") as standby:
            found = Pair(primary, standby, home)
            found.until_replayed()
            yield found


@pytest.fixture(autouse=True)
def superuser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests log in as one, also for services."""
    monkeypatch.setenv("TEMPLE_SERVICES_AS_OWNER", "true")


@pytest.fixture
def primary(pair: Pair) -> str:
    return pair.primary.dsn(database="temple")


@pytest.fixture
def standby(pair: Pair) -> str:
    return pair.standby.dsn(database="temple")


def test_every_verb_is_one_that_reads_or_one_for_the_primary() -> None:
    assert {*verbs()} == {*READS} | {*PRIMARY} | ANYWHERE


@pytest.mark.parametrize("path", READS, ids=" ".join)
def test_a_verb_that_reads_answers_from_the_standby_while_the_primary_is_down(
    temple: Typed, primary: str, standby: str, path: Path_
) -> None:
    tiers = {"TEMPLE_TIER_ROLES": f"gold={ROLE}"}
    there = temple(*path, *READS[path], TEMPLE_DATABASE_URL=primary, **tiers)
    ended = temple(*path, *READS[path], TEMPLE_DATABASE_URL=NOWHERE, TEMPLE_READ_URL=standby, **tiers)
    assert (ended.code, "read from a standby, " in ended.stderr) == (there.code, True), ended.stderr
    assert "was not checked: cannot reach" in ended.stderr
    if path != ("status",):
        assert ended.stdout == there.stdout
    assert there.code in (0, 3, 5), there.stderr


@pytest.mark.parametrize("path", PRIMARY, ids=" ".join)
def test_a_verb_that_writes_names_the_standby_at_once(
    temple: Typed, pair: Pair, standby: str, path: Path_, tmp_path: Path
) -> None:
    (tmp_path / "lines.jsonl").write_text(line("joined", "eve"))
    settings = {
        "TEMPLE_PATREON_SECRETS": "planted-0123456789abcdef",
        "TEMPLE_SINKS": '{"log": {"kind": "notify", "channel": "log"}}',
    }
    arguments = [each.format(home=pair.home) for each in PRIMARY[path]]
    ended = temple(*path, *arguments, TEMPLE_DATABASE_URL=standby, **settings)
    assert ended.code in (4, 5), (ended.stdout, ended.stderr)
    assert "is a standby" in ended.stderr.splitlines()[-1]
    assert ended.stdout == ""


def test_what_a_standby_cannot_see_is_not_made_up(pair: Pair, primary: str, standby: str) -> None:
    """Who leads goes by the time of the lease, since the runner's connection is to the primary; the notes about a
    replay are unlogged; and a gap of the log is proven on the primary alone."""
    lease = Lease(seconds=3600.0)
    with Database(primary).connect(DatabaseRole.PROJECT) as connection:
        assert lease.acquire(connection, [members.key]) == {members.key: None}
    pair.until_replayed()
    with snapshot(Database(primary)) as connection:
        assert (
            projection_status(connection, [members], "members", catalogue=CATALOGUE).leader is None
        )  # its connection is gone
    with snapshot(Database(standby)) as connection:
        assert projection_status(connection, [members], "members", catalogue=CATALOGUE).leader == lease.description
        assert list(rebuilds(connection)) == []
    with Database(standby).connect(DatabaseRole.READ) as connection, pytest.raises(UnsafeLog, match="standby"):
        GapReader(connection, page=1).look(START)


def test_waiting_ends_when_what_was_appended_can_be_read_on_the_standby(
    temple: Typed, pair: Pair, primary: str, standby: str
) -> None:
    both = {"TEMPLE_DATABASE_URL": primary, "TEMPLE_READ_URL": standby}
    pair.standby.execute("select pg_wal_replay_pause()")
    appended = temple("events", "append", "--type", "discord_join/joined", "--user", "late", **both)
    assert appended.code == 0, appended.stderr
    assert temple("run", "--until-caught-up", **both).code == 0
    assert temple("projection", "wait", "members", "--timeout", "0", TEMPLE_DATABASE_URL=primary).code == 0
    assert temple("projection", "wait", "members", "--timeout", "0", **both).code == 1
    assert temple("member", "show", "late", **both).code == 1
    pair.standby.execute("select pg_wal_replay_resume()")
    assert temple("projection", "wait", "members", "--timeout", "60", **both).code == 0
    assert temple("member", "show", "late", **both).code == 0


def test_a_standby_says_how_far_it_is_behind(temple: Typed, pair: Pair, primary: str, standby: str) -> None:
    both = {"TEMPLE_DATABASE_URL": primary, "TEMPLE_READ_URL": standby}
    pair.until_replayed()
    found = temple("status", "--json", **both)
    assert found.data["database"]["standby"] == {"connected": True, "seconds": 0.0}
    assert found.stderr.splitlines() == ["read from a standby, 0.0 s behind its primary"]
    collector = LedgerCollector(Database(standby), readings([members], []))
    figures = {each.name: each.samples[0].value for each in collector.collect() if each.samples}
    collector.close()
    assert figures["ledger_metrics_complete"] == 1.0
    assert (figures["ledger_standby_connected"], figures["ledger_standby_behind_seconds"]) == (1.0, 0.0)
    assert "ledger_rebuild_alive" not in figures


def test_a_standby_of_another_ledger_is_refused(temple: Typed, database: Database, pair: Pair, standby: str) -> None:
    """Of another server, and of another database of the same server."""
    refused = temple("member", "list", TEMPLE_READ_URL=standby)
    assert (refused.code, refused.stdout) == (5, "")
    assert "it is a replica of another ledger" in refused.stderr
    other = pair.primary.dsn()
    assert "is no standby of" in temple("role", "list", TEMPLE_DATABASE_URL=other, TEMPLE_READ_URL=standby).stderr


def test_a_standby_that_was_promoted_beside_its_primary_is_refused(pair: Pair, primary: str) -> None:
    with standby_of(pair.primary) as parted:
        parted.execute("select pg_promote()")
        replica = Replica(Database(primary), "the standby")
        with (
            Database(parted.dsn(database="temple")).connect(DatabaseRole.READ) as connection,
            pytest.raises(Refused, match="takes writes, and is another server"),
        ):
            replica.admit(connection)


def test_a_question_that_the_standby_cancels_is_asked_again(
    spawn: Callable[..., "subprocess.Popen[str]"], pair: Pair, primary: str, standby: str
) -> None:
    """For as long as a row is there, whoever reads the inbox's sources on the standby is cancelled."""
    pair.primary.execute(*CANCELLING, database="temple")
    pair.until_replayed()
    command = spawn("inbox", "sources", TEMPLE_DATABASE_URL=primary, TEMPLE_READ_URL=standby)
    assert command.stderr is not None
    for line_ in command.stderr:
        if line_.startswith("the standby cancelled this question; asking again"):
            break
    pair.primary.execute("alter table inbox_source disable row level security", database="temple")
    stdout, stderr = command.communicate(timeout=60)
    assert (command.returncode, stdout.count("bells")) == (0, 1), stderr


def test_a_real_conflict_with_what_is_replayed_passes(pair: Pair, primary: str, standby: str) -> None:
    def asked_while_it_is_vacuumed() -> None:
        with snapshot(Database(standby)) as connection:
            connection.execute("select from inbox_source")
            pair.primary.execute(
                "update inbox_source set received = received", "vacuum inbox_source", database="temple"
            )
            pair.until_replayed()
            connection.execute("select from inbox_source")

    with pytest.raises(DatabaseUnavailable) as raised:
        asked_while_it_is_vacuumed()
    assert raised.value.__cause__ is not None
    assert passes(raised.value.__cause__)


def test_the_console_reads_a_standby_and_says_so(
    pair: Pair, primary: str, standby: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_console_logins(Database(primary))
    pair.until_replayed()
    session = Session({"home": tmp_path, "database_url": primary}, load_settings)
    reader, signer = as_login(Database(standby), READER), as_login(Database(primary), SIGN_IN)
    with serving(session, listening("127.0.0.1", 0), reader, signer) as server:
        visitor = ConsoleAtWork(server.port, reader, signer).signed_in()
        for path in ("/", "/members", "/roles", "/events", "/projections", "/verify", "/inbox", "/operations"):
            page = visitor.get(path)
            assert (page.status, "Read from a standby, " in page.words) == (200, True), path
