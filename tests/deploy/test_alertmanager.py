"""An alert reaches Discord as a message with numbers and runbook: by a real Alertmanager, to a channel of ours."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

from tests.deploy.documented import ROOT
from tests.ports import free_port
from tests.tools import needs

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
SECONDS = 60

pytestmark = needs("prometheus-alertmanager", "amtool")


@contextmanager
def channel() -> Iterator[tuple[str, "Queue[tuple[str, dict[str, object]]]"]]:
    """Takes what is posted, by path."""
    taken: Queue[tuple[str, dict[str, object]]] = Queue()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            taken.put((self.path, json.loads(self.rfile.read(length))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


@contextmanager
def alertmanager(folder: Path, receiver: str) -> Iterator[str]:
    """With our configuration; only where it sends to, and for how long it collects, are another's."""
    text = CONFIG.read_text()
    for place in ("https://discord.com/api/webhooks", "https://dead-mans-switch.example.org"):
        assert place in text
        text = text.replace(place, receiver)
    for wait in ("group_wait: 30s", "group_wait: 10s"):
        assert wait in text
        text = text.replace(wait, "group_wait: 0s")
    (folder / "alertmanager.yml").write_text(text)
    url = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            "prometheus-alertmanager",
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={url}",
            "--cluster.listen-address=",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://{url}"
    finally:
        process.terminate()
        process.wait(60)


def fire(url: str, name: str, severity: str) -> None:
    """As soon as it listens."""
    command = [
        "amtool", "alert", "add", f"--alertmanager.url={url}", name, f"severity={severity}",
        f"--annotation=summary={name}: 17 positions are not folded",
        f"--annotation=runbook_url=https://ledger.example.org/runbooks/{name}.md",
    ]  # fmt: skip
    deadline, pause = time.monotonic() + SECONDS, threading.Event()
    while subprocess.run(command, capture_output=True, check=False).returncode != 0:
        assert time.monotonic() < deadline, "Alertmanager does not listen"
        pause.wait(0.1)


def test_alerts_arrive_with_numbers_and_runbook_and_the_switch_goes_elsewhere(tmp_path: Path) -> None:
    with channel() as (receiver, taken), alertmanager(tmp_path, receiver) as url:
        fire(url, "ProcessingBacklog", "warning")
        path, message = taken.get(timeout=SECONDS)
        assert path.endswith("/replace-this")
        text = json.dumps(message)
        for wanted in ("warning: ProcessingBacklog", "17 positions are not folded", "runbooks/ProcessingBacklog.md"):
            assert wanted in text
        fire(url, "DeadMansSwitch", "none")
        path, message = taken.get(timeout=SECONDS)
        assert (path, message["receiver"]) == ("/replace-this", "dead-mans-switch")


def test_one_cause_is_one_message(tmp_path: Path) -> None:
    with channel() as (receiver, taken), alertmanager(tmp_path, receiver) as url:
        fire(url, "RunnerHeartbeatMissing", "critical")
        assert "RunnerHeartbeatMissing" in json.dumps(taken.get(timeout=SECONDS))
        fire(url, "ProcessingBacklog", "warning")
        fire(url, "ConsistencyDrift", "warning")
        assert "ConsistencyDrift" in json.dumps(taken.get(timeout=SECONDS))
        assert taken.empty()
