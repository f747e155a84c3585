"""What a runner tells systemd: that it is ready, that it is alive, that it ends."""

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.terminal.service_manager import Watchdog


def test_a_runner_is_ready_then_alive_then_ending(
    spawn: Callable[..., "subprocess.Popen[str]"], database: Database, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        process = spawn("run", NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="100000")
        assert manager.recv(100) == b"READY=1"
        assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        process.terminate()
        while (said := manager.recv(100)) == b"WATCHDOG=1":
            pass
        assert said == b"STOPPING=1"
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_without_a_watchdog_nothing_is_told() -> None:
    watchdog = Watchdog()
    watchdog()
    assert watchdog._next == 0.0
