"""docs/runbooks/deploying.md leads from a bare machine to a running service: root types it, line by line.

What no test can have stands in NOT_TYPED, with what stands in for it. Nothing of it stays on this machine.
"""

import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.cli.test_service_logins import GRANTS, MAKES_LOGINS
from tests.deploy.documented import ROOT, shown_in
from tests.deploy.machine import Machine, machine
from tests.discord.world import new_guild
from tests.fakes.fake_discord import FakeDiscord
from tests.fakes.patreon import fake_patreon
from tests.ports import free_port

PAGE: Final = ROOT / "docs" / "runbooks" / "deploying.md"
UNITS: Final = "/etc/systemd/system"
NOT_TYPED: Final[Mapping[str, str]] = {
    r"apt-get .*": "this machine has them",
    r".*/pip install --require-hashes .*": "the packages of the checkout stand in",
    r"systemctl .*": "there is no systemd: the units are verified, and what they start is started as they say",
    r"(promtool|amtool|docker) .*": "tests/deploy/test_alerts.py, test_alertmanager.py, test_files.py",
}
TRIES: Final = 300
"""Of a second each: far more than a service needs on a machine that does nothing else."""
TYPED_IN: Final = {"discord_token": "a-token", "patreon_secrets": "temple-ledger-test-secret", "patreon_token": "first"}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """After the last line of the page."""
    folder = tmp_path_factory.mktemp("machine")
    with machine(free_port()) as made:
        made.must(f"cp {_wheel(folder)} .")
        typed = [shown.text for shown in shown_in(PAGE) if not shown.inline]
        for command in typed:
            if not any(re.fullmatch(pattern, command) for pattern in NOT_TYPED):
                name = command.rsplit("/", 1)[-1]
                made.must(command, f"{TYPED_IN[name]}\n" if "/dev/stdin" in command else "")
                if command.startswith("python3 -m venv"):
                    made.must("echo /opt/site-packages > $(echo /opt/temple-ledger/lib/*/site-packages)/stand-in.pth")
        yield made


def _wheel(folder: Path) -> Path:
    source = folder / "source"
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "*.egg-info", "__pycache__", "tests", "bench")
    shutil.copytree(ROOT, source, symlinks=True, ignore=left_out)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, capture_output=True, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def places(host: Machine) -> Iterator[dict[str, str]]:
    """A Discord and a Patreon, for the services to reach."""
    guild = new_guild(7, ["Oracle"])
    with FakeDiscord(guild) as discord, fake_patreon() as patreon:
        yield {
            "TEMPLE_DISCORD_API_URL": discord.api_url,
            "TEMPLE_DISCORD_GATEWAY_URL": discord.gateway_url,
            "TEMPLE_PATREON_API_URL": patreon.url,
            "TEMPLE_METRICS_PORT": "0",
            "TEMPLE_RECEIVE_METRICS_PORT": "0",
            "TEMPLE_RECEIVE_PORT": "0",
        }


def test_systemd_takes_every_unit_as_it_is_installed(host: Machine) -> None:
    units = host.must(f"ls {UNITS}/temple-*").split()
    assert len(units) == 11
    done = host.type(f"systemd-analyze verify --man=no {' '.join(units)}")
    assert (done.code, done.err) == (0, "")


def test_an_operator_asks_this_ledger_wherever_they_are_and_reads_no_secret(host: Machine) -> None:
    shown = host.must("runuser -u ada -- temple config show")
    (line,) = (line for line in shown.splitlines() if line.startswith("database_url"))
    assert "/etc/temple-ledger/temple.toml" in line
    host.must("runuser -u ada -- temple events append --type discord_join/joined --user 500000000000000001")
    assert "500000000000000001" in host.must("cd /home/ada && runuser -u ada -- temple events list")
    assert host.type("runuser -u ada -- cat /etc/temple-ledger/secrets/run/database_url").code == 1
    assert host.type("runuser -u ada -- temple db migrate").code == 5


def test_what_the_units_start_becomes_ready_with_their_credentials_and_ends_when_asked(
    host: Machine, places: Mapping[str, str]
) -> None:
    for name in ("run", "seal", "receive", "discord"):
        unit = _unit(host, f"temple-{name}.service")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"\0temple-test-{name}-{host.pid}")
            manager.settimeout(1)
            started = _start(host, unit, {**places, "NOTIFY_SOCKET": f"@temple-test-{name}-{host.pid}"})
            try:
                _until_ready(manager, started)
                if name == "run":
                    # of this test: the one before may have run on another machine
                    host.must(
                        "runuser -u ada -- temple events append --type discord_join/joined --user 500000000000000001"
                    )
                    host.must(f"runuser -u ada -- temple projection wait members --timeout {TRIES}")
                    assert "active" in host.must("runuser -u ada -- temple member show 500000000000000001")
            finally:
                started.send_signal(signal.SIGTERM)
                _, said = started.communicate(timeout=TRIES)
        assert (started.returncode, "Traceback" in said) == (0, False), said


def _until_ready(manager: socket.socket, started: "subprocess.Popen[str]") -> None:
    """As long as it is alive: a machine that runs other tests as well is slow, and no service is to blame for that."""
    for _ in range(TRIES):
        with suppress(TimeoutError):
            if b"READY=1" in manager.recv(1000):
                return
        assert started.poll() is None, "".join(started.communicate())
    raise AssertionError("it neither became ready nor ended")


def test_the_timers_start_snapshots_that_work(host: Machine, places: Mapping[str, str]) -> None:
    for name in ("discord", "patreon"):
        assert host.must(f"ls {UNITS}/temple-{name}-snapshot.timer")
        started = _start(host, _unit(host, f"temple-{name}-snapshot.service"), places)
        out, said = started.communicate(timeout=TRIES)
        assert started.returncode == 0, out + said


def test_a_password_that_is_set_anew_is_the_one_in_the_file(host: Machine) -> None:
    before = host.must("cat /etc/temple-ledger/secrets/run/database_url")
    host.must("sh temple-ledger-files/postgresql/set-password.sh temple_run_service run")
    after = host.must("cat /etc/temple-ledger/secrets/run/database_url")
    assert before != after
    assert host.type(f"psql --command='select 1' '{before.strip()}'").code == 2
    host.must(f"psql --command='select 1' '{after.strip()}'")
    assert host.must("stat --format=%a /etc/temple-ledger/secrets/run/database_url").strip() == "600"


def test_the_files_of_sql_are_those_of_the_page_of_roles() -> None:
    for name, sql in (("database", MAKES_LOGINS), ("logins", GRANTS)):
        file = (ROOT / "deploy" / "postgresql" / f"{name}.sql").read_text()
        assert without_comments(file) == without_comments(sql)


def without_comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("--")]


def test_every_file_of_secrets_that_a_unit_loads_is_in_the_table_of_the_page() -> None:
    loads = re.compile(r"^LoadCredential=temple:/etc/temple-ledger/secrets/(\w+)$", re.MULTILINE)
    units = (ROOT / "deploy" / "systemd").glob("*.service")
    folders = {folder for unit in units for folder in loads.findall(unit.read_text())}
    assert folders == {"run", "seal", "receive", "discord", "web", "effects", "operate"}
    assert all(re.search(rf"^\| `{folder}/(web_)?database_url`", PAGE.read_text(), re.MULTILINE) for folder in folders)


def _unit(host: Machine, name: str) -> dict[str, str]:
    """What its section Service says, by name; of a name that is there twice, the last."""
    section = host.must(f"cat {UNITS}/{name}").partition("[Service]\n")[2].partition("\n[")[0]
    return dict(re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE))


def _start(host: Machine, service: Mapping[str, str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """As systemd does: as that account, with copies of the files of the folder as credentials."""
    account, source = service["User"], service["LoadCredential"].removeprefix("temple:")
    credentials = f"/run/credentials-{Path(source).name}"
    host.must(
        f"rm -rf {credentials} && install -d -o {account} -m 0500 {credentials} && install -d -o {account} -m 0700 "
        f"/var/lib/{service['StateDirectory']} && cd {source} && for file in *; do install -o {account} -m 0400 "
        f'"$file" {credentials}/temple_"$file"; done'
    )
    name, _, value = service["Environment"].partition("=")
    return subprocess.Popen(
        host.inside(f"exec setpriv --reuid={account} --regid={account} --init-groups {service['ExecStart']}"),
        env={**host.environment, **environment, name: value, "CREDENTIALS_DIRECTORY": credentials},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
