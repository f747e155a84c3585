"""The alerts, by the tools of Prometheus itself: each fires when it should, and does not when it should not."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.observability.metrics.disk import DiskCollector
from temple_ledger.infrastructure.observability.metrics.loading import expose_not_loaded
from temple_ledger.infrastructure.observability.metrics.receiver import ReceiverMetrics
from tests.monitoring.test_metrics import Measured, ledger, measured
from tests.tools import needs

__all__ = ["ledger", "measured"]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = FOLDER / "temple-ledger.rules.yml"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
TOKEN = "insert into patreon_token values ('creator', 'access', 'refresh', '', now(), now(), now(), now())"
OURS = re.compile(r"\b(?:ledger|webhook|discord)_\w+")

needs_promtool = needs("promtool")
needs_amtool = needs("amtool")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def told(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@needs_promtool
def test_rules_and_configuration_are_what_prometheus_takes() -> None:
    assert "SUCCESS" in told("promtool", "check", "rules", RULES)
    assert "SUCCESS" in told("promtool", "check", "config", FOLDER / "prometheus.yml")


@needs_promtool
def test_each_alert_fires_and_does_not_fire_where_its_tests_say_so() -> None:
    told("promtool", "test", "rules", *sorted(FOLDER.glob("*.test.yml")))


@needs_promtool
def test_a_rule_with_another_threshold_fails_its_test(tmp_path: Path) -> None:
    for file in FOLDER.glob("temple-ledger.rules*.yml"):
        text = file.read_text()
        (tmp_path / file.name).write_text(text.replace("webhook_audit_unprocessed_count) > 100", "absent(up)) > 100"))
    done = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "temple-ledger.rules.test.yml")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "ProcessingBacklog fires" in done.stdout + done.stderr


def test_each_alert_is_tested_firing_and_silent() -> None:
    firing: set[str] = set()
    silent: set[str] = set()
    for file in FOLDER.glob("*.test.yml"):
        for each in yaml.safe_load(file.read_text())["tests"]:
            for case in each["alert_rule_test"]:
                (firing if case["exp_alerts"] else silent).add(case["alertname"])
    names = {str(rule["alert"]) for rule in rules()}
    assert firing == names
    # that it is there at all times is what the last one is for
    assert silent == names - {"DeadMansSwitch"}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_each_alert_has_a_severity_numbers_and_a_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    said = rule["annotations"]["summary"]
    assert "{{" in said or rule["alert"] in ("LedgerMetricsMissing", "DeadMansSwitch")
    assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/{rule['alert']}.md")
    assert (ROOT / "docs" / "runbooks" / f"{rule['alert']}.md").is_file()


def _token_refused(measured: Measured) -> None:
    """What is told of a token is told where there is one."""
    with measured.database.connect(DatabaseRole.TOKENS) as connection:
        connection.execute(TOKEN)


def test_alerts_ask_for_metrics_that_there_are(measured: Measured) -> None:
    ReceiverMetrics(measured.registry, ("patreon",))
    measured.catch_up()
    _token_refused(measured)
    there = {family.name for family in measured.scrape().families}
    asked = {name for rule in rules() for name in OURS.findall(str(rule["expr"]))}
    # DiskCollector is registered by the command, and so is a fleet's; the inbox's names come with its first source
    missing = {name.removesuffix("_total") for name in asked} - there
    assert {name for name in missing if not name.startswith(("ledger_disk_", "ledger_fleet_"))} == set()


def test_the_page_about_monitoring_names_metrics_that_there_are(measured: Measured) -> None:
    ReceiverMetrics(measured.registry, ("patreon",))
    measured.registry.register(DiskCollector({"state": ROOT}))
    expose_not_loaded(measured.registry, [])
    _token_refused(measured)
    there = {family.name for family in measured.scrape().families}
    page = (ROOT / "docs" / "monitoring.md").read_text().partition("## The canon")[0]
    named = {name.removesuffix("_total") for name in re.findall(r"`((?:ledger|webhook|discord)_\w+)", page)}
    assert len(named) > 40
    # those of a standby and of a fleet are there where one is: tests/cli/test_standby.py, tests/fleet
    assert {name for name in named - there if not name.startswith(("ledger_standby_", "ledger_fleet_"))} == set()


@needs_amtool
def test_alertmanager_takes_its_configuration_and_knows_where_to_send() -> None:
    assert "SUCCESS" in told("amtool", "check-config", ALERTMANAGER)
    route = ("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}")
    assert "dead-mans-switch" in told(*route, "alertname=DeadMansSwitch", "severity=none")
    assert "discord" in told(*route, "alertname=LedgerSyncFailure", "severity=critical")
    assert "discord" in told(*route, "alertname=ConsistencyDrift", "severity=warning")
