"""`temple seal …`, and what verify prints about the log."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.seals.head_file import HeadFile, head_line, read_heads
from temple_ledger.projections.testing.histories import joined
from tests.cli.conftest import Typed
from tests.seals.builders import head_of, sealed, tampered

CHANGE = "update webhook_audit_log set source = 'y' where id = 5"


def test_what_is_there_is_sealed_and_the_head_noted(temple: Typed, database: Database, home: Path) -> None:
    ledger = sealed(database, 3)
    ledger.given(joined("di"))
    ended = temple("seal", "run", "--until-sealed")
    assert (ended.code, ended.stdout) == (0, "sealed up to 4 of 4\n")
    (line,) = (home / "seals" / "heads.jsonl").read_text().splitlines()
    assert json.loads(line)["hash"] == head_of(database).hash
    assert temple("seal", "head").stdout == f"{line}\n"
    assert (home / "seals" / "heads.jsonl").stat().st_mode & 0o777 == 0o600


def test_status_says_how_far_it_is(temple: Typed, database: Database) -> None:
    ledger = sealed(database, 3)
    ledger.given(joined("di"))
    ended = temple("seal", "status")
    assert ended.code == 0
    assert "sealed up to 3 of 4" in ended.stdout
    assert "none is at work" in ended.stdout
    assert temple("seal", "status", "--json").data["ranges"] == 1


def test_verify_names_what_was_changed(temple: Typed, database: Database) -> None:
    sealed(database)
    assert temple("seal", "verify").stdout == "proven up to position 12\n"
    tampered(database, CHANGE)
    ended = temple("seal", "verify")
    assert ended.code == 3
    assert ended.stdout.splitlines() == [
        "the LOG was changed at position 5",
        "  the event at position 5 is not what was sealed",
    ]
    assert temple("seal", "verify", "--json").data["findings"][0]["first"] == 5
    assert temple("seal", "status").code == 3


def test_a_full_verify_and_a_share_of_the_scheduled_one_compare_the_log(temple: Typed, database: Database) -> None:
    sealed(database)
    tampered(database, CHANGE)
    for how in ("--full", "--since-last"):
        ended = temple("verify", how)
        assert ended.code == 3, how
        assert "the LOG was changed at position 5" in ended.stdout
    assert json.loads(temple("verify", "--json").stdout)["log"]["findings"][0]["kind"] == "changed"


def test_a_head_in_a_file_that_is_not_on_the_chain_is_named(temple: Typed, database: Database, tmp_path: Path) -> None:
    sealed(database)
    head = {"seal": 9, "position": 27, "hash": "ab" * 32, "sealed_at": "2026-01-01T00:00:00Z"}
    (tmp_path / "heads").write_text(json.dumps(head) + "\n")
    ended = temple("seal", "verify", "--heads", "heads")
    assert ended.code == 3
    assert "shortened to 12" in ended.stdout
    assert "seal 9" in ended.stdout


@pytest.mark.parametrize("left", [2, 30, 60, -1])
def test_a_head_that_a_full_disk_cut_off_is_passed_over_and_the_next_one_has_a_line_of_its_own(
    database: Database, tmp_path: Path, left: int
) -> None:
    sealed(database)
    head, file = head_of(database), tmp_path / "heads"
    file.write_text(f"{head_line(head)}\n{head_line(head)[:left]}")
    HeadFile(file).append_now(head)
    assert read_heads(file) == [head, head]


@pytest.mark.parametrize("content", [b'{"seal": 1}\nnone\n', b"\x1f\x8b\x08\xff", "{}".encode("utf-16")])
def test_a_file_of_heads_that_is_none_is_refused(
    temple: Typed, database: Database, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "heads").write_bytes(content)
    ended = temple("seal", "verify", "--heads", "heads")
    assert (ended.code, ended.stdout) == (1, "")
    assert "heads, line 1: no head of the chain" in ended.stderr


def test_accept_is_a_preview_without_apply_and_needs_a_reason(temple: Typed, database: Database) -> None:
    sealed(database)
    tampered(database, CHANGE)
    shown = temple("seal", "accept", "4-6")
    assert (shown.code, shown.stdout) == (0, "  the event at position 5 is not what was sealed\n")
    assert temple("seal", "accept", "4-6", "--apply").code == 2
    done = temple("seal", "accept", "4-6", "--apply", "--reason", "a typo of ours")
    assert done.code == 0
    assert "but for 1 event accepted on" in done.stdout
    assert temple("seal", "verify").code == 0
    assert "a typo of ours" in temple("operations", "list").stdout
    assert temple("seal", "accept", "4-6").code == 3


@pytest.mark.parametrize("given", ["0", "7-4", "x", "4-", "-5"])
def test_no_range_of_positions_is_a_mistake_in_typing(temple: Typed, database: Database, given: str) -> None:
    assert temple("seal", "accept", given).code == 2


def test_without_seals_there_is_no_head_and_nothing_to_accept(temple: Typed, database: Database) -> None:
    assert temple("seal", "head").code == 5
    assert temple("seal", "verify").code == 0
    assert temple("seal", "accept", "1").code == 3


def test_the_chain_is_exported_without_keys(temple: Typed, database: Database, tmp_path: Path) -> None:
    sealed(database)
    assert temple("seal", "export", "-o", "chain.jsonl").code == 0
    lines = [json.loads(line) for line in (tmp_path / "chain.jsonl").read_text().splitlines()]
    assert [each["number"] for each in lines] == [1, 2, 3, 4]
    assert lines[-1]["hash"] == head_of(database).hash
    with database.connect(DatabaseRole.SEAL) as connection:
        keys = connection.execute("select encode(key, 'hex') from seal_key").fetchall()
    assert not any(key in (tmp_path / "chain.jsonl").read_text() for (key,) in keys)


@pytest.fixture
def machine() -> Iterator[tuple[str, list[bytes]]]:
    """Somebody else's, which takes heads: its URL, and what came."""
    came: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/heads", came
    server.shutdown()
    server.server_close()


def test_the_head_is_sent_to_another_machine(
    temple: Typed, database: Database, machine: tuple[str, list[bytes]]
) -> None:
    url, came = machine
    sealed(database, 3).given(joined("di"))
    assert temple("seal", "run", "--until-sealed", TEMPLE_SEAL_WEBHOOK=url).code == 0
    assert [json.loads(each)["position"] for each in came] == [4]


def test_a_machine_that_does_not_take_it_stops_nothing(temple: Typed, database: Database) -> None:
    sealed(database, 3).given(joined("di"))
    ended = temple("seal", "run", "--until-sealed", TEMPLE_SEAL_WEBHOOK="http://127.0.0.1:1/heads")
    assert (ended.code, ended.stdout) == (0, "sealed up to 4 of 4\n")


def test_the_url_of_the_webhook_has_to_be_one(temple: Typed, database: Database) -> None:
    ended = temple("seal", "status", TEMPLE_SEAL_WEBHOOK="ftp://x")
    assert ended.code == 2
    assert "it has to begin with https:// or http://" in ended.stderr


def test_a_sealer_ends_at_a_signal(spawn: Callable[..., "subprocess.Popen[str]"], database: Database) -> None:
    sealed(database, 3).given(joined("di"))
    process = spawn("seal", "run", TEMPLE_SEAL_EVERY_SECONDS="0", TEMPLE_LOG_LEVEL="info")
    assert process.stderr is not None
    for line in process.stderr:
        if '"position": 4' in line or "position=4" in line or '"position":4' in line:
            break
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
