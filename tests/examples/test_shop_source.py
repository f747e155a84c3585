"""A source that a package of somebody else brings: everything serves it, and no line of ours names it."""

import hmac
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.observability.metrics.ledger import LedgerCollector
from temple_ledger.infrastructure.processes.readings import readings
from temple_ledger.infrastructure.processes.sources import RESERVED
from tests.cli.conftest import ROOT, Typed, environment, home, spawn, temple  # noqa: F401 -- fixtures
from tests.cli.test_up import until
from tests.examples.installing import SHOP, install_entry_point, install_wheel
from tests.monitoring.scraping import Scrape, scrape
from tests.ports import free_port

Spawn = Callable[..., "subprocess.Popen[str]"]
SECRET = "a-secret-of-the-shop"
MOST_SECONDS = 60.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop as a wheel, installed."""
    return install_wheel(SHOP, tmp_path_factory.mktemp("shop"))


@pytest.fixture
def shop(site: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: F811
    """The package is on the path of this process, and of those that it starts."""
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(site)])
    with on_the_path(site, monkeypatch):
        yield


@contextmanager
def on_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("temple_shop", "broken_source"):
            del sys.modules[name]


def order(what: str = "paid", number: str = "A-1") -> bytes:
    return json.dumps({"event": what, "order": number, "buyer": "ada", "at": "2026-03-01T10:00:00+00:00"}).encode()


def post(url: str, body: bytes, secret: str = SECRET) -> int:
    headers = {"X-Shop-Signature": hmac.digest(secret.encode(), body, "sha256").hex()}
    request = urllib.request.Request(url, body, headers)  # noqa: S310 -- loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def scraped(port: int) -> Scrape:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return Scrape(answer.read().decode())


def events(database: Database) -> list[tuple[str, str, str, str | None]]:
    with database.connect(DatabaseRole.READ) as connection:
        return connection.execute(
            "select source, action, user_id, target from webhook_audit_log order by id"
        ).fetchall()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def end(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return errors


@pytest.mark.usefixtures("shop")
def test_receive_takes_its_webhooks_in_and_translates_them(
    spawn: Spawn,  # noqa: F811
    temple: Typed,  # noqa: F811
    database: Database,
) -> None:
    assert temple("shop", "install").code == 0
    metrics = free_port()
    process = spawn("receive", "--port", "0", "--metrics-port", str(metrics), TEMPLE_SHOP_SECRET=SECRET)
    assert process.stdout is not None
    url = process.stdout.readline().removeprefix("listening on ").strip()
    assert url.endswith("/hooks/shop/orders")
    assert post(url, order(), "another secret") == 401
    assert post(url, order()) == 200
    eventually(lambda: events(database) == [("shop", "added", "ada", "Supporter")])
    assert scraped(metrics)("ledger_receiver_responses_total", source="shop", code="200") == 1.0
    assert scraped(metrics)("ledger_receiver_responses_total", source="shop", code="401") == 1.0
    assert SECRET not in end(process)


@pytest.mark.usefixtures("shop")
def test_up_serves_it_and_its_metric_is_scraped(
    spawn: Spawn,  # noqa: F811
    temple: Typed,  # noqa: F811
    database: Database,
) -> None:
    temple("shop", "install")
    metrics = free_port()
    process = spawn(
        "up",
        "--metrics-port",
        str(metrics),
        TEMPLE_SHOP_SECRET=SECRET,
        TEMPLE_SHOP_ROLE="Guest",
        TEMPLE_RECEIVE_PORT="0",
        TEMPLE_RECONCILE_EVERY_SECONDS="0",
    )
    (line,) = [line for line in until(process.stdout, "ready") if line.startswith("receiver")]
    url = line.split()[1]
    assert [post(url, order()), post(url, order(number="A-2")), post(url, order("refunded"))] == [200, 200, 200]
    eventually(lambda: len(events(database)) == 3)
    assert events(database)[-1] == ("shop", "removed", "ada", "Guest")
    seen = scraped(metrics)
    assert (seen("ledger_shop_orders", state="paid"), seen("ledger_shop_orders", state="refunded")) == (1.0, 1.0)
    assert seen("ledger_metrics_complete") == 1.0
    screen = temple("status").stdout
    assert "shop      1 orders paid, 1 refunded" in screen
    assert "from      shop: 3 deliveries" in screen
    assert temple("shop", "orders").stdout == "A-1  refunded\nA-2  paid\n"
    end(process)


@pytest.mark.usefixtures("shop")
def test_the_command_line_has_its_verb_its_settings_and_its_troubles(
    temple: Typed,  # noqa: F811
    tmp_path: Path,
) -> None:
    assert re.search(r"^  shop +The shop's orders: install, orders\.$", temple("--help").stdout, re.MULTILINE)
    assert temple("shop", "--help").stdout.startswith("Usage: temple shop")
    (tmp_path / "temple.toml").write_text('shop_secret = "hunter2"\n')
    shown = temple("config", "show", "--json")
    assert "hunter2" not in shown.stdout
    (row,) = [each for each in shown.data if each["name"] == "shop_secret"]
    assert row["from"] == str(tmp_path / "temple.toml")
    status = temple("status", "--json").data
    assert {"what": "the shop has no table yet", "next": "temple shop install"} in status["troubles"]
    temple("shop", "install")
    data = temple("status", "--json").data
    assert data["shop"] == {"paid": 0, "refunded": 0}
    # no source can take a key of ours
    assert set(data) - {"discord", "patreon", "shop"} <= RESERVED


@pytest.mark.usefixtures("shop")
def test_without_any_secret_receive_names_those_that_it_looks_for(temple: Typed) -> None:  # noqa: F811
    ended = temple("receive")
    assert ended.code == 5
    assert "set TEMPLE_PATREON_SECRETS or TEMPLE_SHOP_SECRET" in ended.stderr


@pytest.mark.usefixtures("shop")
def test_a_misspelt_setting_of_it_is_refused(temple: Typed, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "temple.toml").write_text('shop_secrt = "hunter2"\n')
    ended = temple("status")
    assert ended.code == 2
    assert "temple.toml has a setting 'shop_secrt'" in ended.stderr
    assert "shop_secret" in ended.stderr


SOURCE = "from temple_ledger import Source, SourceSettings\n\nclass Broken(Source):\n    name = 'broken'\n"
METHOD = SOURCE + "    def {}(self, *_):\n        raise ValueError('it is broken')\n\nbroken = Broken()\n"
TAKEN = SOURCE + (
    "    def settings(self):\n        return Taken\n\n"
    "class Taken(SourceSettings):\n    tier_roles: str = ''\n\nbroken = Broken()\n"
)


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("broken", "raise ValueError('it is broken')", "cannot be loaded: ValueError: it is broken"),
        ("broken", "import a_package_that_is_not_there", "cannot be loaded: ModuleNotFoundError"),
        ("broken", "raise SystemExit(0)", "cannot be loaded: SystemExit: 0"),
        ("broken", "broken = 7", "is of type int, not a Source"),
        ("other", METHOD.format("nothing"), "has another name than its entry point"),
        ("receive", METHOD.format("nothing"), "needs another name"),
        ("patreon", METHOD.format("nothing"), "is declared twice"),
        ("broken", METHOD.format("settings"), "cannot be loaded: ValueError: it is broken"),
        ("broken", TAKEN, "has settings that are there already: tier_roles"),
    ],
)
def test_a_source_that_cannot_be_loaded_is_one_sentence_and_stops_nothing(
    temple: Typed,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    code: str,
    reason: str,
) -> None:
    folder = install_entry_point(tmp_path / "site", name, "broken_source:broken", code)
    (tmp_path / "temple.toml").write_text(f'{name}_secret = "hunter2"\n')
    with on_the_path(folder, monkeypatch):
        status = temple("status")
        doctor = temple("doctor")
        translated = temple("inbox", "translate")
    assert (status.code, translated.code) == (0, 0)
    assert status.stderr.count(reason) == 1
    assert f"source {name}" in status.stderr
    assert f"source {name}" in status.stdout
    assert doctor.code == 3
    assert reason in doctor.stdout
    assert "hunter2" not in status.stderr + status.stdout


@pytest.mark.parametrize(
    ("method", "shows"),
    [("health", "cannot say how it is: ValueError: it is broken"), ("readings", "a source has no metrics")],
)
def test_what_a_source_raises_stops_no_other(
    temple: Typed,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    shows: str,
) -> None:
    folder = install_entry_point(tmp_path / "site", "broken", "broken_source:broken", METHOD.format(method))
    with on_the_path(folder, monkeypatch):
        status = temple("status")
        up = temple("up", "--exit-when-ready", "--metrics-port", str(free_port()))
    assert (status.code, up.code) == (0, 0)
    assert shows in status.stdout + up.stderr


READS = SOURCE + (
    "    def readings(self):\n        return {'broken': self.read}\n\n"
    "    def read(self, connection):\n        from prometheus_client.core import GaugeMetricFamily\n"
    "        yield GaugeMetricFamily('METRIC', 'says', value=1)\n        THEN\n\nbroken = Broken()\n"
)


@pytest.mark.parametrize(
    ("metric", "then", "complete"),
    [
        ("ledger_broken_things", "", True),
        ("ledger_lag_events", "", False),
        ("ledger_broken_things", "raise ValueError('it is broken')", False),
        ("ledger_broken_things", "connection.execute('select * from nowhere')", False),
    ],
)
def test_a_metric_that_fails_or_has_the_name_of_another_is_left_out_alone(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str, then: str, complete: bool
) -> None:
    code = READS.replace("METRIC", metric).replace("THEN", then)
    folder = install_entry_point(tmp_path / "site", "broken", "broken_source:broken", code)
    registry = CollectorRegistry()
    with on_the_path(folder, monkeypatch):
        registry.register(LedgerCollector(database, readings([], [])))
        with capture_logs() as logged:
            seen = scrape(registry)
    assert seen.names() >= {"ledger_database_bytes", "ledger_patreon_doubts"}
    assert seen("ledger_metrics_complete") == float(complete)
    assert seen(metric) == (1.0 if complete else None)
    assert [each["figure"] for each in logged] == ([] if complete else ["broken"])


def test_a_source_without_what_it_should_have_leaves_the_receiver_to_the_others(
    spawn: Spawn,  # noqa: F811
    environment: dict[str, str],  # noqa: F811
    site: Path,
    tmp_path: Path,
) -> None:
    parts = {"endpoints": "its endpoints", "translator": "its translator", "workers": "its workers"}
    code = SOURCE + "".join(f"    def {each}(self, *_):\n        raise ValueError('it is broken')\n" for each in parts)
    folder = install_entry_point(tmp_path / "site", "broken", "broken_source:broken", f"{code}\nbroken = Broken()\n")
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(site), str(folder)])
    process = spawn("receive", "--port", "0", "--metrics-port", "0", TEMPLE_SHOP_SECRET=SECRET)
    assert process.stdout is not None
    assert post(process.stdout.readline().removeprefix("listening on ").strip(), order()) == 200
    errors = end(process)
    for part in parts.values():
        assert f"source broken cannot make {part}: ValueError: it is broken; the other sources go on" in errors
