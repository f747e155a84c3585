"""Each alert rehearsed: the fault that it names is made, it fires, its runbook is followed, and it is silent again.

The figures are scraped from the ledger of the test, before, during and after; Prometheus' own rules judge them.
"""

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import yaml

from temple_ledger import Ledger
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery
from temple_ledger.infrastructure.log.append import append_within
from temple_ledger.infrastructure.observability.metrics.disk import DiskCollector
from temple_ledger.infrastructure.observability.metrics.receiver import ReceiverMetrics
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild, rebuild
from temple_ledger.infrastructure.sources.discord.frames import Frame, delivery_of
from temple_ledger.infrastructure.sources.discord.sessions import STOPPED, end_sessions, note_sessions
from temple_ledger.infrastructure.sources.patreon.tokens import Given, Tokens
from temple_ledger.infrastructure.sources.token_keys import TokenKeys
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.members import members
from temple_ledger.projections.testing.histories import at, joined
from tests.cli.conftest import Typed, environment, home, spawn, temple
from tests.cli.test_db import Spawn
from tests.deploy.rehearsing import RULES, Rehearsal
from tests.discord.world import World, new_guild
from tests.effects.builders import warnings, young
from tests.effects.test_delivering import SECRET, receiving
from tests.effects.test_watching import older
from tests.killed import run_killed
from tests.log import builders
from tests.monitoring.test_metrics import MEASURED, Measured, ledger, measured
from tests.patreon.bodies import ACOLYTE
from tests.patreon.bodies import at as patreon_at
from tests.patreon.feed import Feed
from tests.patreon.test_bodies import changed
from tests.queries.builders import altered, unfoldable
from tests.runner.test_runner import head, position, running, wait_until
from tests.tools import needs
from tests.webhooks.builders import receiver, signed

__all__ = ["environment", "home", "ledger", "measured", "spawn", "temple"]

pytestmark = needs("promtool")

BLOCKED: Final = "ledger_log_blocked_seconds"
HEARTBEAT: Final = "ledger_runner_heartbeat_timestamp_seconds"
VERIFIED: Final = "ledger_verified_timestamp_seconds"

OPEN_TRANSACTIONS: Final = """
select pid, state, application_name from pg_stat_activity
where xact_start is not null and application_name = 'forgotten'
"""

FIRES: Final = [False, True, False]
"""Before the fault, while it lasts, and once the runbook was followed."""

AWAY: Final = Database("postgresql://127.0.0.1:1/nothing")

WEBHOOK: Final = "insert into patreon_webhook (webhook_id, paused, failures, read_at) values ('1', false, 0, now())"

REHEARSED_ELSEWHERE: Final = {
    "DeadMansSwitch": "fires at all times: test_alerts.py",
    "FleetLedgerDown": "takes a fleet: tests/fleet/test_fleet.py walks it",
}
"""Alerts whose way from the fault to silence is not walked here, and what there is instead."""


class Walk:
    """Through one alert."""

    def __init__(self, measured: Measured, temple: Typed, folder: Path) -> None:
        self.measured = measured
        self.database: Database = measured.database
        self.temple = temple
        self._folder = folder
        self._rehearsal = Rehearsal()

    def type(self, *commands: str, code: int = 0) -> None:
        """As the runbook has it; all but the last may end as they like."""
        ended = [self.temple(*shlex.split(each)) for each in commands]
        assert [each.stderr for each in ended if "Traceback" in each.stderr] == []
        assert ended[-1].code == code, (commands[-1], ended[-1].stdout, ended[-1].stderr)

    def goes_on(self, *alive: str, measured: Measured | None = None) -> None:
        """*alive*: what grows with the time meanwhile. *measured*: by another runner than the test's."""
        self._rehearsal.goes_on_with((measured or self.measured).scrape(), alive=alive or (HEARTBEAT,))

    def then(self, alert: str, fires: list[bool] = FIRES) -> None:
        assert self._rehearsal.firing(alert, self._folder) == fires


@pytest.fixture
def walk(measured: Measured, temple: Typed, tmp_path: Path) -> Walk:
    measured.catch_up()
    return Walk(measured, temple, tmp_path)


def test_every_alert_is_rehearsed_or_says_why_not() -> None:
    names = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    walked = {alert for alert in names if f'then("{alert}"' in Path(__file__).read_text()}
    assert walked | set(REHEARSED_ELSEWHERE) == names
    assert walked & set(REHEARSED_ELSEWHERE) == set()
    assert len(walked) >= 24


def test_consistency_drift(walk: Walk) -> None:
    walk.type("verify --full")
    walk.goes_on()
    altered(walk.database, "update temple_member_status set total_roles_count = 99")
    walk.type("verify --full", code=3)
    walk.goes_on()
    walk.type("operations list", "repair", "repair --apply --reason x", "verify --full")
    walk.goes_on()
    walk.then("ConsistencyDrift")


def test_a_log_that_was_tampered_with(walk: Walk) -> None:
    walk.type("seal run --until-sealed", "seal verify")
    walk.goes_on()
    altered(
        walk.database,
        "insert into skipped_position (projection, position, user_id, skipped_by, reason)"
        " values ('members', 2, 'x', 'eve', 'x')",
    )
    walk.type("seal verify", code=3)
    walk.goes_on()
    with walk.database.connect(DatabaseRole.OWNER) as connection:
        # what the runbook says of a skip that nobody decided: it goes
        connection.execute("delete from skipped_position where skipped_by = 'eve'")
    walk.type("seal status", "seal verify")
    walk.goes_on()
    walk.then("LedgerTampered")


def test_a_backlog(walk: Walk, ledger: LedgerScenario) -> None:
    walk.goes_on()
    ledger.given(*(joined(f"newcomer {number}", at(number)) for number in range(120)))
    walk.goes_on()
    walk.type("projection list", "run --until-caught-up")
    walk.goes_on()
    walk.then("ProcessingBacklog")


def test_a_runner_that_is_gone(walk: Walk) -> None:
    walk.goes_on()
    walk.goes_on("nothing")
    walk.goes_on()
    walk.then("RunnerHeartbeatMissing")


def test_a_projection_that_stands_still(walk: Walk) -> None:
    walk.goes_on()
    altered(
        walk.database,
        "update projection_checkpoint set state = 'failed', reason = 'SQLSTATE 53100' where projection = 'members'",
    )
    walk.goes_on()
    walk.type("projection show members", "projection resume members", "run --until-caught-up")
    walk.goes_on()
    walk.then("ProjectionStandsStill")


def test_an_event_that_cannot_be_folded(walk: Walk) -> None:
    walk.goes_on()
    position = unfoldable(walk.database, "100000000000000001", at(9))
    walk.measured.catch_up()
    walk.goes_on()
    walk.type("failures list", f"failures skip {position} --reason x", "run --until-caught-up")
    walk.measured.catch_up()
    walk.goes_on()
    walk.then("LedgerSyncFailure")


def test_a_transaction_that_does_not_end(walk: Walk, ledger: LedgerScenario, spawn: Spawn) -> None:
    def printed(query: str) -> str:
        return spawn("db", "shell", "--", "-XAtc", query).communicate(timeout=60)[0]

    def blocked_seconds() -> float | None:
        return walk.measured.scrape()(BLOCKED)

    walk.goes_on()
    with (
        running(walk.measured.timed, projections=MEASURED, watcher=walk.measured.runner),
        closing(walk.database.connect(DatabaseRole.APPEND, application="forgotten")) as forgotten,
    ):
        # somebody else's program: the server does not end it
        forgotten.execute("set idle_in_transaction_session_timeout = 0")
        forgotten.execute("begin")
        append_within(forgotten, [builders.joined("100000000000000009")])
        ledger.given(joined("100000000000000010", at(9)))
        wait_until(lambda: blocked_seconds() not in (None, 0))
        walk.goes_on(BLOCKED)
        pid, state, application = printed(OPEN_TRANSACTIONS).strip().split("|")
        assert (state, application) == ("idle in transaction", "forgotten")
        assert printed(f"select pg_terminate_backend({pid})") == "t\n"
        wait_until(lambda: position(walk.database) == head(walk.database))
        assert blocked_seconds() == 0
    walk.goes_on()
    walk.then("LogTailBlocked")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB, which is gone with the process that holds it."""
    made = tmp_path / "disk"
    made.mkdir()
    script = f"mount -t tmpfs -o size=16m tmpfs {shlex.quote(str(made))} && echo made && exec sleep infinity"
    whose = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *whose, "--mount", "--propagation=private", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != "made\n":
                pytest.skip("nobody may mount a file system here, as in most containers")
            yield Path(f"/proc/{holder.pid}/root{made}")
        finally:
            holder.kill()


def test_a_disk_that_is_nearly_full(walk: Walk, small_disk: Path) -> None:
    walk.measured.registry.register(DiskCollector({"state": small_disk}))
    walk.goes_on()
    dump = small_disk / "an old dump"
    dump.write_bytes(bytes(14 * 1024 * 1024))
    walk.goes_on()
    assert f"0.0 GB free at {small_disk}" in walk.temple("doctor", TEMPLE_HOME=str(small_disk)).stdout
    # what the runbook calls the usual cause
    walk.type("inbox prune")
    dump.unlink()
    walk.goes_on()
    walk.then("DiskFilling")


def test_a_member_who_is_parked_for_long(walk: Walk) -> None:
    walk.goes_on()
    position = unfoldable(walk.database, "100000000000000001", at(9))
    walk.measured.catch_up()
    altered(walk.database, "update projection_failure set parked_at = now() - interval '2 days'")
    walk.goes_on()
    walk.type("failures list", "failures show 5", f"failures skip {position} --reason x")
    walk.measured.catch_up()
    walk.goes_on()
    walk.then("ParkedMemberTooOld")


def test_a_replay_that_was_killed(walk: Walk) -> None:
    def replay() -> None:
        with Rebuild(walk.database, members, catalogue=CATALOGUE) as begun:
            begun.fold()
            os.kill(os.getpid(), signal.SIGKILL)

    def alive() -> list[bool]:
        with walk.database.connect(DatabaseRole.READ) as connection:
            return [row[4] for row in connection.execute(statement("rebuild_going"))]

    walk.goes_on()
    assert run_killed(replay, at=sys.maxsize, moment="after")
    # the server sees only then that the process has gone
    wait_until(lambda: alive() == [False])
    walk.goes_on()
    walk.type("projection list", "operations list", "replay members --apply --yes --reason killed")
    walk.goes_on()
    walk.then("RebuildStuck")


def test_a_verify_that_is_overdue(walk: Walk) -> None:
    walk.type("verify --full")
    walk.goes_on(HEARTBEAT, VERIFIED)
    walk.goes_on(HEARTBEAT)
    walk.type("verify list", "projection list", "verify --full", "reconcile")
    walk.goes_on(HEARTBEAT, VERIFIED)
    walk.then("VerifyOverdue")


def patreon(walk: Walk) -> Feed:
    feed = Feed(walk.database)
    walk.measured.catch_up()
    return feed


def test_a_source_that_is_silent(walk: Walk) -> None:
    feed = patreon(walk)
    feed.update(ACOLYTE)
    received(walk, "now()")
    walk.goes_on()
    received(walk, "now() - interval '8 days'")
    walk.goes_on()
    walk.type("inbox sources", "status")
    feed.update(ACOLYTE, noise="again")
    received(walk, "now()")
    walk.goes_on()
    walk.then("SourceSilent")
    feed.close()


def received(walk: Walk, when: str) -> None:
    """The clock of the feed is that of its documents."""
    with walk.database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(f"update inbox set received_at = {when}, last_received_at = {when}".encode())
        connection.execute(f"update inbox_source set last_received_at = {when}".encode())


def test_deliveries_that_nobody_translates(walk: Walk) -> None:
    feed = patreon(walk)
    feed.update(ACOLYTE)
    walk.goes_on()
    feed.keeps("update", b'{"data": null}')
    received(walk, "now() - interval '1 hour'")
    walk.goes_on()
    walk.type("inbox list", "status")
    # the unit is started again
    feed.translates()
    walk.goes_on()
    walk.then("InboxBacklog")
    feed.close()


def test_deliveries_that_failed(walk: Walk) -> None:
    feed = patreon(walk)
    feed.update(ACOLYTE)
    walk.goes_on()
    feed.hears("update", b"not JSON")
    walk.goes_on()
    walk.type("inbox list --state unparseable", "inbox list --state failed")
    walk.type("inbox ignore 2 --reason x")
    walk.goes_on()
    walk.then("DeliveriesFailed")
    feed.close()


def test_stale_deliveries(walk: Walk) -> None:
    feed = patreon(walk)
    feed.update(ACOLYTE)
    walk.goes_on()
    for number in range(8):
        feed.update(ACOLYTE, charged=patreon_at(days=-31), noise=str(number))
    walk.goes_on()
    walk.type("status")
    walk.goes_on()
    walk.then("PatreonDeliveriesStale")
    feed.close()


def test_fields_that_cannot_be_read(walk: Walk) -> None:
    feed = patreon(walk)
    feed.update(ACOLYTE)
    walk.goes_on()
    for number in range(3):
        feed.hears("update", changed("data.attributes.will_pay_amount_cents", [number]))
    walk.goes_on()
    walk.type("status", "inbox list --source patreon")
    for number in range(3):
        feed.update(ACOLYTE, noise=str(number))
    walk.goes_on()
    walk.then("PatreonFieldsUnread")
    feed.close()


def test_a_token_that_is_refused(walk: Walk) -> None:
    pair = Given("first", "refresh", "client", "secret")
    keys = TokenKeys([b"k" * 32])
    tokens = Tokens(walk.database, pair, url="http://127.0.0.1:1", keys=keys)
    assert asyncio.run(tokens.token()) == "first"
    walk.goes_on()
    with walk.database.connect(DatabaseRole.TOKENS) as connection:
        connection.execute("update patreon_token set refused_at = now()")
    walk.goes_on()
    # a new pair in the settings, and the unit started again
    anew = Tokens(walk.database, pair._replace(refresh="another"), url="http://127.0.0.1:1", keys=keys)
    assert asyncio.run(anew.token()) == "first"
    walk.goes_on()
    walk.then("PatreonTokenRefused")


def test_a_webhook_that_is_paused(walk: Walk) -> None:
    def is_paused(paused: bool) -> None:
        with walk.database.connect(DatabaseRole.TRANSLATE) as connection:
            connection.execute("update patreon_webhook set paused = %s", (paused,))

    with walk.database.connect(DatabaseRole.TRANSLATE) as connection:
        connection.execute(WEBHOOK)
    walk.goes_on()
    is_paused(True)
    walk.goes_on()
    is_paused(False)
    walk.goes_on()
    walk.then("PatreonWebhookPaused")


def test_deliveries_that_are_refused(walk: Walk) -> None:
    metrics = ReceiverMetrics(walk.measured.registry, ("patreon",))
    walk.goes_on()
    with receiver(walk.database) as ours:
        for _ in range(8):
            assert ours.send(b"{}", signed(b"{}", secret="of somebody else")).code == 401
        for source, code in ours.answered:
            metrics.answered(source, code, 0.01)
    walk.goes_on()
    walk.goes_on()
    walk.then("ReceiverRefusals")


@pytest.fixture
def guild(walk: Walk) -> Iterator[World]:
    """A guild that is heard now; a database that has one feed."""
    with walk.database.connect(DatabaseRole.TRANSLATE) as connection:
        made = World(walk.database, connection, new_guild(3, ["Oracle"]))
        made.guild.now = datetime.now(UTC)
        made.line.open()
        made.catch_up()
        note_sessions(connection, [delivery(made, "READY", 1)])
        yield made
        made.close()


def test_the_bot_was_removed(walk: Walk, guild: World) -> None:
    walk.goes_on()
    guild.line.send([guild.guild.remove_bot()])
    guild.drain()
    walk.goes_on()
    walk.type("status")
    # it is invited again
    guild.line.send([guild.guild.guild_create()])
    guild.drain()
    walk.goes_on()
    walk.then("DiscordBotRemoved")


def test_an_outage_of_discord(walk: Walk, guild: World) -> None:
    walk.goes_on()
    guild.line.send([guild.guild.outage()])
    guild.drain()
    walk.goes_on()
    walk.type("status")
    guild.line.send([guild.guild.guild_create()])
    guild.drain()
    walk.goes_on()
    walk.then("DiscordOutage")


def test_a_listener_that_is_gone(walk: Walk, guild: World) -> None:
    with walk.database.connect(DatabaseRole.TRANSLATE) as connection:
        walk.goes_on()
        end_sessions(connection, STOPPED)
        walk.goes_on()
        walk.type("status")
        # the unit is started again, and the session goes on
        note_sessions(connection, [delivery(guild, "READY", 1, session="another")])
        walk.goes_on()
    walk.then("DiscordDisconnected")


def delivery(guild: World, kind: str, number: int, *, session: str | None = None) -> Delivery:
    frame = Frame(kind, number, {})
    return delivery_of(frame, "{}", session or guild.line.session or "", datetime.now(UTC))


def test_metrics_without_a_database(walk: Walk) -> None:
    walk.goes_on()
    blind = Measured(AWAY)
    walk.goes_on(measured=blind)
    blind.collector.close()
    walk.goes_on()
    walk.then("LedgerMetricsMissing")


def test_deliveries_that_cannot_be_stored(walk: Walk) -> None:
    metrics = ReceiverMetrics(walk.measured.registry, ("patreon",))
    walk.goes_on()
    for database, code in ((AWAY, 503), (walk.database, 200)):
        with receiver(database) as ours:
            assert ours.send().code == code
            for source, answered in ours.answered:
                metrics.answered(source, answered, 0.01)
        walk.goes_on()
    walk.then("ReceiverErrors")


@pytest.fixture
def effects(walk: Walk) -> LedgerScenario:
    """A projection with effects beside the others."""
    made = LedgerScenario(walk.database, projections=(warnings,))
    # the log was there first
    rebuild(walk.database, warnings, catalogue=made.catalogue, by="a test")
    return made


def sends(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Where the messages go, as the settings have it."""
    hook = {"kind": "webhook", "url": url, "secret": SECRET}
    monkeypatch.setenv("TEMPLE_SINKS", json.dumps({"log": hook, "moderators": hook}))


def test_messages_that_a_sink_refuses(walk: Walk, effects: LedgerScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.goes_on()
    effects.given(young("ada", 1))
    effects.catch_up()
    status = 400
    with receiving(lambda headers, body: (status, {}, b"")) as sink:
        sends(monkeypatch, sink.url)
        walk.type("effects run --until-empty")
        walk.goes_on()
        # the sink is repaired
        status = 204
        walk.type("effects list --state parked", "effects retry --all", "effects run --until-empty")
        assert len(sink.came) == 2
    walk.goes_on()
    walk.then("EffectsFailed")


def test_messages_that_nobody_delivers(walk: Walk, effects: LedgerScenario, monkeypatch: pytest.MonkeyPatch) -> None:
    walk.goes_on()
    effects.given(young("ada", 1))
    effects.catch_up()
    older(walk.database, "effect_outbox", "created_at", 2)
    walk.goes_on()
    with receiving() as sink:
        sends(monkeypatch, sink.url)
        walk.type("effects list", "effects run --until-empty")
        assert len(sink.came) == 1
    walk.goes_on()
    walk.then("EffectsStale")


def test_a_consumer_of_the_feed_that_does_not_read(walk: Walk, effects: LedgerScenario) -> None:
    def program() -> int:
        with (
            Ledger(walk.database.dsn, projections=[warnings], catalogue=effects.catalogue) as ledger,
            ledger.changes("effective", consumer="shop", follow=False) as read,
        ):
            return len(list(read))

    def is_away(seconds_ago: float) -> None:
        effects.given(young("ada", seconds_ago))
        effects.catch_up()
        older(walk.database, "feed_change", "recorded_at", 3)

    program()
    walk.goes_on()
    is_away(2)
    walk.goes_on()
    walk.type("feed list")
    assert program() == 1
    walk.goes_on()
    is_away(1)
    walk.goes_on()
    # nobody runs it any more
    walk.type("feed list", "feed forget effective shop")
    walk.goes_on()
    walk.then("FeedConsumerStale", [False, True, False, True, False])
