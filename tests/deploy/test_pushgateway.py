"""What a reconciliation tells is taken by a real Pushgateway, and found there by its name."""

import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, role_added
from tests.cli.conftest import Typed, environment, home, temple
from tests.monitoring.scraping import Scrape
from tests.monitoring.test_metrics import ledger
from tests.ports import free_port
from tests.queries.builders import altered
from tests.tools import needs

__all__ = ["environment", "home", "ledger", "temple"]

pytestmark = needs("prometheus-pushgateway")


@pytest.fixture
def gateway() -> Iterator[str]:
    url = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        ["prometheus-pushgateway", f"--web.listen-address={url}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline, pause = time.monotonic() + 60, threading.Event()
    try:
        while not _answers(f"http://{url}/metrics"):
            assert time.monotonic() < deadline
            pause.wait(0.05)
        yield f"http://{url}"
    finally:
        process.terminate()
        process.wait(60)


def test_issues_that_are_left_and_then_repaired_are_told(temple: Typed, ledger: LedgerScenario, gateway: str) -> None:
    ledger.given(joined("bob", at(1)), role_added("bob", "Oracle", at(2)))
    ledger.catch_up()
    altered(ledger.database, "delete from discord_user_current_roles")
    assert temple("reconcile", "--repair-below", "0", "--pushgateway", gateway).code == 3
    assert told(gateway) == 2
    assert temple("reconcile", "--pushgateway", gateway).code == 0
    assert told(gateway) == 0


def told(gateway: str) -> float | None:
    with urllib.request.urlopen(f"{gateway}/metrics", timeout=60) as answer:  # noqa: S310 - an address of this machine
        said = Scrape(answer.read().decode())
    return said("ledger_consistency_check_failures", instance="", job="ledger-consistency")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60):  # noqa: S310 - an address of this machine
            return True
    except (OSError, urllib.error.URLError):
        return False
