"""The dashboards: what is committed is what the code writes, and every question in them has an answer.

A real Prometheus scrapes a running demo and is asked every PromQL; every SQL runs as temple_read. How long they take is
measured by `./temple bench dashboards`.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from temple_ledger.deploy.grafana.board import text_of
from temple_ledger.deploy.grafana.boards import BOARDS
from temple_ledger.deploy.grafana.questions import expanded
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
from tests.ports import free_port
from tests.tools import require

FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
EVENTS = 2_000
RATE_INTERVAL = "15s"
PATIENCE_SECONDS = 120
GRID = 24
"""Columns of a dashboard."""

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
def test_each_panel_has_a_number_and_a_place_of_its_own(board: dict[str, Any]) -> None:
    """Grafana shows one of two panels with the same number, and moves one of two in the same place."""
    numbers = [panel["id"] for panel in board["panels"]]
    places = [
        (across, down)
        for panel in board["panels"]
        for across in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for down in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert (len(set(numbers)), len(set(places))) == (len(numbers), len(places))
    assert max(across for across, _ in places) < GRID


@pytest.mark.parametrize("board", boards(), ids=lambda board: board["uid"])
def test_data_sources_are_variables_and_links_lead_somewhere(board: dict[str, Any]) -> None:
    names = [each["name"] for each in board["templating"]["list"]]
    assert names[:4] == ["prometheus", "postgres", "runbooks", "console"]
    used = set(re.findall(r"\$\{(\w+)[:}]", "".join(json.dumps(each) for each in board["panels"]))) - {"__value"}
    assert used <= {*names} <= {*names[:4], "member", "role"}
    uids = {target["datasource"]["uid"] for panel in board["panels"] for target in panel["targets"]}
    assert uids <= {"${prometheus}", "${postgres}"}
    assert {link["url"] for link in board["links"]} == {
        "${console}",
        *(f"/d/{uid}" for uid in CANON if uid != board["uid"]),
    }
    for panel in board["panels"]:
        assert panel["fieldConfig"]["defaults"]["noValue"]
        for link in panel.get("links", ()):
            name = link["url"].removeprefix("${runbooks}/")
            assert (ROOT / "docs" / "runbooks" / name).is_file(), link["url"]


def panels(kind: str) -> list[Any]:
    return [
        pytest.param(panel, id=f"{board['uid']}-{panel['title']}")
        for board in boards()
        for panel in board["panels"]
        if panel["type"] == kind
    ]


def expressions(panel: dict[str, Any]) -> list[str]:
    return [each["expr"] for each in panel["targets"] if "expr" in each]


@pytest.mark.parametrize("panel", panels("stat"))
def test_what_was_never_measured_is_grey(panel: dict[str, Any]) -> None:
    """No question makes up a value, and below every value stands a colour of its own."""
    assert not any(made_up in each for each in expressions(panel) for made_up in ("vector(", "absent("))
    nothing, least, *_ = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert (nothing["value"], nothing["color"] not in ("green", "orange", "red")) == (None, True)
    assert (least["value"] < -1e9, least["color"]) == (True, "green")


@pytest.mark.parametrize("panel", panels("timeseries"))
def test_thresholds_are_drawn_and_no_legend_explains_that_there_is_nothing(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    if len(defaults.get("thresholds", {}).get("steps", ())) > 1:
        assert defaults["custom"]["thresholdsStyle"]["mode"] == "dashed"
    assert not any("vector(" in each or "absent(" in each for each in expressions(panel))
    assert not any("nothing" in each.get("legendFormat", "") for each in panel["targets"])


@pytest.mark.parametrize("panel", panels("table"))
def test_a_table_asks_for_tables_and_bytes_have_a_unit(panel: dict[str, Any]) -> None:
    assert {each.get("format") for each in panel["targets"]} == {"table"}
    overrides = {each["matcher"]["options"]: each["properties"] for each in panel["fieldConfig"]["overrides"]}
    text = "".join(each.get("rawSql", "") for each in panel["targets"])
    for column in re.findall(r'as "(bytes[^"]*)"', text):
        assert {"id": "unit", "value": "bytes"} in overrides[column]
    if 'as "member"' in text:
        assert [each for each in overrides["member"] if each["id"] == "links"], "members are links to the console"


@pytest.mark.parametrize("panel", panels("piechart"))
def test_a_pie_has_a_legend_and_ten_slices_at_most(panel: dict[str, Any]) -> None:
    assert panel["options"]["legend"]["showLegend"]
    largest, others = expressions(panel)
    assert largest.startswith("topk(9, ")
    assert others.startswith("sum(")


def test_the_board_of_the_audit_shows_a_month_and_lets_a_member_and_a_role_be_chosen() -> None:
    board = next(each for each in boards() if each["uid"] == "temple-audit")
    assert board["time"]["from"] == "now-30d"
    assert [each["name"] for each in board["templating"]["list"]][-2:] == ["member", "role"]


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
    """A ledger at work that was verified once, and where its metrics are."""

    database: Database
    metrics_port: int


@dataclass(frozen=True)
class Prometheus:
    """One that has seen the demo work."""

    url: str

    def ask(self, query: str) -> list[Any]:
        where = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.urlopen(where, timeout=60) as answer:  # noqa: S310 - an address of this machine
            answered = json.loads(answer.read())
        assert answered["status"] == "success", answered
        return list(answered["data"]["result"])


@pytest.fixture(scope="module")
def demo(server: EmbeddedServer, copies: Copies, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    name = copies.take()
    database = Database(server.dsn(name))
    with ExitStack() as stack:
        stack.callback(copies.drop, name)
        found = Demo(database, free_port())
        runner = _started(stack, tmp_path_factory.mktemp("demo"), found)
        _line(runner, "ready")
        with database.connect(DatabaseRole.TRANSLATE) as connection:
            body = b"{}"
            store(connection, [Delivery("patreon", "test", body, digest_of(b"test", body), datetime.now(UTC))])
        _wait_until(lambda: _is_verified(database), "no verification was stored")
        yield found


@pytest.fixture(scope="module")
def prometheus(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    require("prometheus")
    with ExitStack() as stack:
        metrics = ReceiverMetrics(registry := new_registry(), ("patreon",))
        receiver = stack.enter_context(exposed(registry, "127.0.0.1", 0))
        found = _scraping(stack, tmp_path_factory.mktemp("prometheus"), [demo.metrics_port, receiver])
        ledger = LedgerScenario(demo.database)

        def works() -> bool:
            """New events, late ones too, until each rate is known and the first verify was seen."""
            ledger.given(role_added("500000000000000001", "400000000000000002", datetime.now(UTC)))
            metrics.answered("patreon", 200, 0.01)
            return _was_seen(found)

        _wait_until(works, "Prometheus has not seen it")
        yield found


def _is_verified(database: Database) -> bool:
    with database.connect(DatabaseRole.READ) as connection:
        return connection.execute("select from verification limit 1").fetchone() is not None


def _was_seen(prometheus: Prometheus) -> bool:
    seen = [
        f"rate(webhook_processing_duration_seconds_count{{projection='members'}}[{RATE_INTERVAL}]) > 0",
        f"rate(ledger_receiver_response_duration_seconds_count[{RATE_INTERVAL}]) > 0",
        "ledger_consistency_check_failures",
        'ALERTS{alertname="DeadMansSwitch"}',
    ]
    try:
        return all(prometheus.ask(query) for query in seen)
    except OSError:
        # it does not listen yet
        return False


def _wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, otherwise
        pause.wait(0.2)


def _started(stack: ExitStack, folder: Path, demo: Demo) -> "subprocess.Popen[str]":
    size = ("--members", str(max(50, EVENTS // 20)), "--events", str(EVENTS))
    process = subprocess.Popen(
        [sys.executable, "-m", "temple_ledger.cli", "up", "--demo", *size, "--metrics-port", str(demo.metrics_port)],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TEMPLE_DATABASE_URL": demo.database.dsn,
            "TEMPLE_HOME": str(folder / "home"),
            "TEMPLE_RECONCILE_EVERY_SECONDS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    stack.callback(_end, process)
    return process


def _scraping(stack: ExitStack, folder: Path, ports: list[int]) -> Prometheus:
    port = free_port()
    scraped = [{"job_name": f"temple-{each}", "static_configs": [{"targets": [f"127.0.0.1:{each}"]}]} for each in ports]
    times = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    rules = [str(ROOT / "deploy" / "prometheus" / "temple-ledger.rules.yml")]
    config = {"global": times, "rule_files": rules, "scrape_configs": scraped}
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
    return Prometheus(f"http://127.0.0.1:{port}")


def _line(process: "subprocess.Popen[str]", beginning: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(beginning):
            return
    raise AssertionError(f"it ended before a line began with {beginning!r}")


def _end(process: "subprocess.Popen[Any]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


MAY_BE_EMPTY = ("ledger_trigger_", "ledger_rebuild_ranges_ratio", "> 0")
"""The trigger is not in use on the demo, no replay goes on there, and it may have fewer than ten roles."""


@pytest.mark.parametrize("expr", targets("expr"))
def test_every_promql_returns_data(prometheus: Prometheus, expr: str) -> None:
    found = prometheus.ask(expr.replace("$__rate_interval", RATE_INTERVAL))
    assert found != [] or any(each in expr for each in MAY_BE_EMPTY)


def test_a_metric_that_is_not_there_returns_none(prometheus: Prometheus) -> None:
    assert prometheus.ask("ledger_no_such_metric") == []


def test_every_alert_can_be_asked_and_none_of_them_fires_on_a_sound_ledger(prometheus: Prometheus) -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "temple-ledger.rules.yml").read_text())["groups"]
    firing = {rule["alert"] for group in rules for rule in group["rules"] if prometheus.ask(rule["expr"])}
    # the machine of whoever runs this may have little room
    assert firing - {"DiskFilling"} == {"DeadMansSwitch"}


@pytest.mark.parametrize("text", targets("rawSql"))
def test_every_sql_returns_rows_to_the_role_that_may_only_read(demo: Demo, text: str) -> None:
    with demo.database.connect(DatabaseRole.READ) as connection:
        connection.execute("set default_transaction_read_only = on")
        assert connection.execute(expanded(text).encode()).fetchall()
