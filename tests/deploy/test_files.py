"""What is put beside the ledger is whole: units, compose, cron, proxy, and the command that writes them out."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from temple_ledger.infrastructure.ingestion.webhooks.listening import is_this_machine_alone
from temple_ledger.infrastructure.observability.deploy_files import packed
from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.settings import load_settings, setting_names
from temple_ledger.infrastructure.settings.spelling import variable_of
from tests.cli.conftest import Typed, environment, home, spawn, temple
from tests.tools import needs

__all__ = ["environment", "home", "spawn", "temple"]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TIMERS = sorted((DEPLOY / "systemd").glob("*.timer"))


def test_all_of_it_is_written_out_with_ones_own_address(temple: Typed, tmp_path: Path) -> None:
    console = {"TEMPLE_WEB_URL": "https://console.our.org"}
    ended = temple("monitoring", "export", str(tmp_path / "out"), "--url", "https://l.our.org/", **console)
    assert ended.code == 0
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert written == {path for path, _ in packed()}
    for wanted in (
        "prometheus/temple-ledger.rules.yml",
        "grafana/dashboards/temple-health.json",
        "compose/compose.yml",
    ):
        assert wanted in written
    assert {f"runbooks/{file.name}" for file in (ROOT / "docs" / "runbooks").glob("*.md")} <= written
    texts = {path: (tmp_path / "out" / path).read_text() for path in written}
    assert [path for path, text in texts.items() if "ledger.example.org" in text] == []
    assert [path for path, text in texts.items() if "console.example.org" in text and "docs" not in path] == []
    assert "https://console.our.org" in texts["grafana/dashboards/temple-audit.json"]
    assert "https://l.our.org/runbooks/ConsistencyDrift.md" in texts["prometheus/temple-ledger.rules.yml"]
    assert "server_name l.our.org;" in texts["nginx/temple-ledger.conf"]
    assert (tmp_path / "out" / "ledger-consistency-check.sh").stat().st_mode & 0o111


def test_what_somebody_changed_is_not_lost_unasked(temple: Typed, tmp_path: Path) -> None:
    assert temple("monitoring", "export", str(tmp_path)).code == 0
    assert temple("monitoring", "export", str(tmp_path)).code == 0
    config = tmp_path / "alertmanager" / "alertmanager.yml"
    config.write_text("mine")
    (tmp_path / "prometheus" / "prometheus.yml").unlink()
    ended = temple("monitoring", "export", str(tmp_path))
    assert ended.code == 5
    assert "alertmanager.yml is there with another content; add --overwrite" in ended.stderr
    assert config.read_text() == "mine"
    assert not (tmp_path / "prometheus" / "prometheus.yml").exists()
    assert temple("monitoring", "export", str(tmp_path), "--overwrite").code == 0
    assert config.read_text() != "mine"


def test_an_address_that_is_none_is_a_usage_error(temple: Typed, tmp_path: Path) -> None:
    assert temple("monitoring", "export", str(tmp_path / "out"), "--url", "our.org").code == 2


@needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_units(unit: Path, tmp_path: Path) -> None:
    """With a program and an account that this machine has."""
    there = unit.read_text().replace("/usr/local/bin/temple", "/bin/true").replace("=temple\n", "=root\n")
    copy = tmp_path / unit.name
    copy.write_text(there)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_run_commands_that_there_are_as_nobody_special(unit: Path, temple: Typed) -> None:
    text = unit.read_text()
    verb = re.search(r"ExecStart=/usr/local/bin/temple (.+)$", text, re.MULTILINE)
    assert verb is not None
    assert temple(*verb[1].split(), "--help").code == 0
    assert ("Type=oneshot" if unit.with_suffix(".timer") in TIMERS else "Type=notify") in text.splitlines()
    for line in ("User=temple", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="):
        assert line in text.splitlines(), line


@needs("systemd-analyze")
@pytest.mark.parametrize("timer", TIMERS, ids=lambda timer: timer.name)
def test_each_timer_starts_a_unit_once_a_day_and_after_a_day_that_was_missed(timer: Path) -> None:
    assert timer.with_suffix(".service") in UNITS
    assert "Persistent=true" in timer.read_text().splitlines()
    (when,) = re.findall(r"^OnCalendar=(.+)$", timer.read_text(), re.MULTILINE)
    command = ["systemd-analyze", "calendar", "--iterations=3", "--base-time=2026-01-01 00:00:00 UTC", when]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert re.findall(r"(2026-01-0\d) 04:10:00 UTC", done.stdout)[-3:] == ["2026-01-01", "2026-01-02", "2026-01-03"]


def secret_of(named: str | dict[str, str]) -> str:
    return named if isinstance(named, str) else named["source"]


def test_no_service_of_compose_logs_in_as_the_owner() -> None:
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text())
    owners = {
        name
        for name, service in compose["services"].items()
        if "migrate_database_url" in map(secret_of, service.get("secrets", ()))
    }
    assert owners == {"migrate"}


def test_compose_names_the_version_of_every_image() -> None:
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text())
    images = [service["image"] for service in compose["services"].values() if "image" in service]
    assert images
    assert [image for image in images if not re.search(r":v?\d", image)] == []


def test_compose_names_files_secrets_and_volumes_that_there_are() -> None:
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text())
    assert {"postgres", "run", "receive", "prometheus", "pushgateway", "alertmanager", "grafana"} <= set(
        compose["services"]
    )
    for name, service in compose["services"].items():
        assert {secret_of(each) for each in service.get("secrets", ())} <= set(compose["secrets"]), name
        assert set(service.get("depends_on", ())) <= set(compose["services"]), name
        for mounted in service.get("volumes", ()):
            source = mounted.split(":")[0]
            known = (DEPLOY / "compose" / source).exists() if source.startswith(".") else source in compose["volumes"]
            assert known, (name, source)
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), (name, port)
    told = (DEPLOY / "compose" / "README.md").read_text()
    assert [name for name in compose["secrets"] if f"`{name}`" not in told] == []


def ledger_services() -> dict[str, dict[str, Any]]:
    """Those of compose that run a command of ours."""
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text())
    return {name: service for name, service in compose["services"].items() if "build" in service}


def test_compose_runs_commands_with_settings_that_there_are(temple: Typed) -> None:
    known = {variable_of(name) for name in setting_names(installed_sources().models())}
    services = ledger_services()
    assert {"run", "seal", "receive", "discord", "console", "migrate"} <= services.keys()
    for name, service in services.items():
        assert temple(*service["command"], "--help").code == 0, name
        given = set(service.get("environment", ())) | {
            (each if isinstance(each, str) else each["target"]).upper() for each in service["secrets"]
        }
        assert given <= known, name


def test_compose_believes_the_proxy_of_the_machine_and_nobody_else() -> None:
    """Otherwise all senders are one address, and who floods the receiver shuts the others out."""
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text())
    (network,) = compose["networks"]["default"]["ipam"]["config"]
    environment = {name: service.get("environment", {}) for name, service in compose["services"].items()}
    assert environment["receive"]["TEMPLE_RECEIVE_PROXIES"] == network["gateway"]
    assert environment["console"]["TEMPLE_WEB_PROXIES"] == network["gateway"]


def test_compose_waits_for_a_database_that_others_can_reach() -> None:
    """The image sets a database up with a server that answers at its socket alone."""
    compose = yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text())
    assert "--host=127.0.0.1" in compose["services"]["postgres"]["healthcheck"]["test"]


def test_prometheus_of_compose_asks_the_services_where_they_answer() -> None:
    config = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())
    targets = {target for job in config["scrape_configs"] for target in job["static_configs"][0]["targets"]}
    settings = load_settings({})
    ours = {f"run:{settings.metrics_port}", f"receive:{settings.receive_metrics_port}"}
    assert targets == {*ours, "pushgateway:9091"}
    for name in ("run", "receive"):
        assert not is_this_machine_alone(ledger_services()[name]["environment"]["TEMPLE_METRICS_HOST"])
        assert "temple_metrics_token" in ledger_services()[name]["secrets"]


@needs("promtool")
def test_prometheus_takes_the_configuration_of_compose(tmp_path: Path) -> None:
    text = (DEPLOY / "compose" / "prometheus.yml").read_text()
    (tmp_path / "token").write_text("x")
    (tmp_path / "prometheus.yml").write_text(text.replace("/run/secrets/temple_metrics_token", str(tmp_path / "token")))
    shutil.copy(DEPLOY / "prometheus" / "temple-ledger.rules.yml", tmp_path)
    command = ["promtool", "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_cron_line_is_one() -> None:
    lines = (DEPLOY / "cron" / "temple-ledger").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith("*/15")]
    _, hour, day, month, weekday, account, command = line.split(None, 6)
    assert (hour, day, month, weekday, account) == ("*", "*", "*", "*", "temple")
    assert command.endswith("temple reconcile")


@needs("nginx")
@pytest.mark.parametrize("name", ["temple-ledger.conf", "temple-console.conf"])
def test_nginx_takes_its_configuration(tmp_path: Path, name: str) -> None:
    text = re.sub(r"ssl_certificate.*;", "", (DEPLOY / "nginx" / name).read_text())
    text = text.replace("443 ssl", "8443")
    # where it would write otherwise is for root alone
    own = "access_log off;\n" + "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{own}{text}\n}}\n")
    command = ["nginx", "-t", "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
