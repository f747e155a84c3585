"""A real Grafana with the dashboards, where one is installed, and a picture of each of them.

    .venv/bin/python -m tests.deploy.grafana_pictures FOLDER --prometheus http://127.0.0.1:9090 --database DSN

Grafana reads the given ledger as the login of the DSN (make it with deploy/grafana/reader.sql), listens on loopback,
and has its own files in a folder that is removed afterwards. It needs `grafana` on the PATH, GF_PATHS_HOME where that
is not /usr/share/grafana, and Chromium with playwright, as the tests of the console do.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright
from psycopg.conninfo import conninfo_to_dict

from temple_ledger.deploy.grafana.boards import BOARDS
from tests.cli.conftest import ROOT
from tests.ports import free_port

HOME: Final = "/usr/share/grafana"
START_SECONDS: Final = 60
WIDTHS: Final = {"desktop": (1_440, 1_800), "phone": (390, 3_000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--database", required=True, help="a DSN with a host and a port")
    given = parser.parse_args()
    program = shutil.which("grafana")
    if program is None:
        raise SystemExit("there is no grafana on the PATH: install it, or put its bin folder there")
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as own, _grafana(program, Path(own), given.prometheus, given.database) as url:
        for board in BOARDS:
            for width in WIDTHS:
                _picture(url, board.uid, width, given.folder / f"{board.uid}-{width}.png")


@contextmanager
def _grafana(program: str, own: Path, prometheus: str, dsn: str) -> Iterator[str]:
    port = free_port()
    home = os.environ.get("GF_PATHS_HOME", HOME)
    process = subprocess.Popen(
        [program, "server", "--homepath", home], env={**os.environ, **_environment(own, port, prometheus, dsn)}
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _until_it_answers(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _environment(own: Path, port: int, prometheus: str, dsn: str) -> Mapping[str, str]:
    """Whoever looks at it sees everything: it listens on loopback alone, as long as the pictures take."""
    login = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    return {
        "GF_PATHS_DATA": str(own / "data"),
        "GF_PATHS_LOGS": str(own / "logs"),
        "GF_PATHS_PLUGINS": str(own / "plugins"),
        # recent releases fetch apps of their own at the start, which nothing here needs
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_PATHS_PROVISIONING": str(_provisioning(own, login["user"])),
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "TEMPLE_PROMETHEUS_URL": prometheus,
        "TEMPLE_POSTGRES_HOST": f"{login['host']}:{login.get('port', '5432')}",
        "TEMPLE_POSTGRES_DATABASE": login["dbname"],
        "TEMPLE_POSTGRES_SSLMODE": login.get("sslmode", "disable"),
        "TEMPLE_GRAFANA_PASSWORD": login.get("password", ""),
    }


def _provisioning(own: Path, user: str) -> Path:
    """As it is shipped, but for the login and the place of the dashboards."""
    folder = own / "provisioning"
    shutil.copytree(ROOT / "deploy" / "grafana" / "provisioning", folder)
    sources = folder / "datasources" / "temple-ledger.yml"
    sources.write_text(sources.read_text().replace("temple_grafana", user))
    boards = folder / "dashboards" / "temple-ledger.yml"
    shipped = str(ROOT / "deploy" / "grafana" / "dashboards")
    boards.write_text(boards.read_text().replace("/etc/grafana/temple-ledger/dashboards", shipped))
    return folder


def _until_it_answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/health", timeout=60):  # noqa: S310 -- an address of this machine
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("Grafana does not answer; its messages are above") from None
            time.sleep(0.5)


def _picture(url: str, uid: str, width: str, file: Path) -> None:
    across, down = WIDTHS[width]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": across, "height": down})
        page.goto(f"{url}/d/{uid}?kiosk&theme=light", wait_until="networkidle")
        page.screenshot(path=file)
        browser.close()
    sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
