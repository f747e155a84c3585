"""The dashboards: what is committed is what the code writes, and every question in them has an answer.

A real Prometheus scrapes a running demo and is asked every PromQL; every SQL runs as temple_read. With
TEMPLE_TEST_EVENTS=1000000 the demo has that many events, and the SQL has its second all the same.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from temple_ledger.deploy.grafana.board import text_of
from temple_ledger.deploy.grafana.boards import BOARDS
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.embedded_postgres.server import EmbeddedServer
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.observability.metrics.exposing import exposed
from temple_ledger.infrastructure.observability.metrics.receiver import ReceiverMetrics
from temple_ledger.infrastructure.observability.metrics.registry import new_registry
from temple_ledger.infrastructure.testing.copies import Copies
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import role_added
from tests.cli.conftest import ROOT
from tests.monitoring.test_exposing import free_port
from tests.tools import needs

FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
EVENTS = int(os.environ.get("TEMPLE_TEST_EVENTS", "2000"))
LARGE = 100_000
RATE_INTERVAL = "15s"
SQL_SECONDS = 1.0

CANON = {
    "temple-health": (
        "Members by status",
        "Role distribution",
        "Event processing rate (last 24 h)",
        "Consistency checks",
    ),
    "temple-audit": ("Event volume by type", "Top users by activity", "Processing latency", "Failed events"),
    "temple-performance": (
        "Database query performance",
        "Webhook response times",
        "Trigger execution duration",
        "Table sizes",
        "Growth of tables",
    ),
}


def boards() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]


def targets(key: str) -> list[Any]:
    return [
        pytest.param(target[key], id=f"{board['uid']}-{panel['title']}-{target['refId']}")
        for board in boards()
        for panel in board["panels"]
        for target in panel["targets"]
        if key in target
    ]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_what_is_committed_is_what_the_code_writes(board: Any) -> None:
    assert (FOLDER / f"{board.uid}.json").read_text() == text_of(board), "run: python -m temple_ledger.deploy.grafana"


def test_the_canons_dashboards_have_every_panel_that_it_names() -> None:
    found = {board["uid"]: {panel["title"] for panel in board["panels"]} for board in boards()}
    assert {uid: set(titles) - found[uid] for uid, titles in CANON.items()} == {uid: set() for uid in CANON}


@pytest.mark.parametrize("board", boards(), ids=lambda board: board["uid"])
def test_data_sources_are_variables_and_links_lead_somewhere(board: dict[str, Any]) -> None:
    assert [each["name"] for each in board["templating"]["list"]] == ["prometheus", "postgres", "runbooks"]
    uids = {target["datasource"]["uid"] for panel in board["panels"] for target in panel["targets"]}
    assert uids <= {"${prometheus}", "${postgres}"}
    assert {link["url"] for link in board["links"]} == {f"/d/{uid}" for uid in CANON if uid != board["uid"]}
    for panel in board["panels"]:
        assert panel["fieldConfig"]["defaults"]["noValue"]
        for link in panel.get("links", ()):
            name = link["url"].removeprefix("${runbooks}/")
            assert (ROOT / "docs" / "runbooks" / name).is_file(), link["url"]


def test_provisioning_gives_the_data_sources_the_ids_that_the_dashboards_ask_for() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "temple-ledger.yml").read_text())["datasources"]
    wanted = {
        variable["current"]["value"]: variable["query"]
        for variable in boards()[0]["templating"]["list"]
        if variable["type"] == "datasource"
    }
    assert {each["uid"]: each["type"] for each in sources} == wanted
    assert yaml.safe_load((folder / "dashboards" / "temple-ledger.yml").read_text())["providers"]


@dataclass(frozen=True)
class Demo:
    """A running ledger, and a Prometheus that has seen it work."""

    database: Database
    prometheus: str | None

    def ask(self, query: str) -> list[Any]:
        where = f"{self.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(where, timeout=20) as answer:  # noqa: S310 - an address of this machine
            said = json.loads(answer.read())
        assert said["status"] == "success", said
        return list(said["data"]["result"])


@pytest.fixture(scope="module")
def demo(server: EmbeddedServer, copies: Copies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    name = copies.take()
    database = Database(server.dsn(name))
    with ExitStack() as stack:
        stack.callback(copies.drop, name)
        port = free_port()
        runner = _started(stack, folder, database, port)
        _line(runner, "ready")
        metrics = ReceiverMetrics(registry := new_registry(), ("patreon",))
        receiver = stack.enter_context(exposed(registry, "127.0.0.1", 0))
        with database.connect(DatabaseRole.APPEND) as connection:
            body = b"{}"
            store(connection, [Delivery("patreon", "test", body, digest_of(b"test", body), datetime.now(UTC))])
        prometheus = None
        if shutil.which("prometheus") is not None:
            prometheus = _prometheus(stack, folder, [port, receiver])
        found = Demo(database, prometheus)
        if prometheus is not None:
            _work_until_seen(found, metrics)
        yield found


def _started(stack: ExitStack, folder: Path, database: Database, port: int) -> "subprocess.Popen[str]":
    size = ("--members", str(max(50, EVENTS // 20)), "--events", str(EVENTS))
    process = subprocess.Popen(
        [sys.executable, "-m", "temple_ledger.cli", "up", "--demo", *size, "--metrics-port", str(port)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TEMPLE_DATABASE_URL": database.dsn,
            "TEMPLE_HOME": str(folder / "home"),
            # of a large ledger, a verify is no small thing
            "TEMPLE_RECONCILE_EVERY_SECONDS": "1" if EVENTS < LARGE else "15",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    stack.callback(_end, process)
    return process


def _prometheus(stack: ExitStack, folder: Path, ports: list[int]) -> str:
    port = free_port()
    scraped = [{"job_name": f"temple-{each}", "static_configs": [{"targets": [f"127.0.0.1:{each}"]}]} for each in ports]
    config = {"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"}, "scrape_configs": scraped}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(_end, process)
    return f"http://127.0.0.1:{port}"


def _work_until_seen(demo: Demo, metrics: ReceiverMetrics) -> None:
    """New events, late ones too, until each rate is known and the first verify was seen."""
    ledger, pause = LedgerScenario(demo.database), threading.Event()
    deadline = time.monotonic() + (60 if EVENTS < LARGE else 600)
    seen = [
        f"rate(webhook_processing_duration_seconds_count{{projection='members'}}[{RATE_INTERVAL}]) > 0",
        f"rate(ledger_receiver_response_duration_seconds_count[{RATE_INTERVAL}]) > 0",
        "ledger_consistency_check_failures",
    ]
    while True:
        ledger.given(role_added("500000000000000001", "400000000000000002", datetime.now(UTC)))
        metrics.answered("patreon", 200, 0.01)
        try:
            if all(demo.ask(query) for query in seen):
                return
        except OSError:
            # it does not listen yet
            pass
        assert time.monotonic() < deadline, "Prometheus has not seen it"
        pause.wait(0.2)


def _line(process: "subprocess.Popen[str]", beginning: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return
    raise AssertionError(f"it ended before a line began with {beginning!r}")


def _end(process: "subprocess.Popen[Any]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


needs_prometheus = needs("prometheus")


@needs_prometheus
@pytest.mark.parametrize("expr", targets("expr"))
def test_every_promql_returns_data(demo: Demo, expr: str) -> None:
    assert demo.ask(expr.replace("$__rate_interval", RATE_INTERVAL)) != []


@needs_prometheus
def test_a_metric_that_is_not_there_returns_none(demo: Demo) -> None:
    assert demo.ask("ledger_no_such_metric") == []


@needs_prometheus
def test_every_alert_can_be_asked_and_none_of_them_fires_on_a_sound_ledger(demo: Demo) -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "temple-ledger.rules.yml").read_text())["groups"]
    firing = {rule["alert"] for group in rules for rule in group["rules"] if demo.ask(rule["expr"])}
    # the machine of whoever runs this may have little room
    assert firing - {"DiskFilling"} == {"DeadMansSwitch"}


@pytest.mark.parametrize("text", targets("rawSql"))
def test_every_sql_runs_as_the_read_only_role_within_a_second(demo: Demo, text: str) -> None:
    with demo.database.connect(DatabaseRole.READ) as connection:
        connection.execute("set default_transaction_read_only = on")
        connection.execute("set statement_timeout = '1s'")
        started = time.monotonic()
        rows = connection.execute(expanded(text).encode()).fetchall()
        assert rows
        assert time.monotonic() - started < SQL_SECONDS


def expanded(text: str) -> str:
    """As Grafana does with its macros, for all times."""
    text = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 between '2000-01-01' and '2100-01-01'", text)
    return re.sub(
        r"\$__timeGroupAlias\((\w+), *\$__interval\)",
        r"""date_bin('1 day', \1, timestamptz '2001-01-01') as "time" """,
        text,
    )


@needs_prometheus
def test_no_scrape_asked_the_database_for_longer_than_a_second(demo: Demo) -> None:
    (slowest,) = demo.ask("max(max_over_time(ledger_metrics_duration_seconds[5m]))")
    assert float(slowest["value"][1]) < 1.0
