"""`temple events list`, `show` and `tail`."""

import json
import subprocess
from collections.abc import Callable
from queue import Empty, Queue
from threading import Thread
from typing import IO

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at, joined, pledged, role_added
from tests.cli.conftest import Typed
from tests.log.builders import INSERT
from tests.queries.builders import append_twice, role_created, unfoldable

ORACLE = "400000000000000001"
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ledger(database: Database) -> LedgerScenario:
    found = LedgerScenario(database)
    found.given(
        role_created(ORACLE, "Oracle"),
        joined("ada", at(1)),
        role_added("ada", ORACLE, at(2), by="eve"),
        joined("bob", at(3)),
        pledged("bob", "Oracle", at(48)),
    )
    return found


@pytest.mark.parametrize(
    ("arguments", "positions"),
    [
        ((), [1, 2, 3, 4, 5]),
        (("--limit", "2"), [4, 5]),
        (("--after", "1", "--limit", "2"), [2, 3]),
        (("--member", "ada"), [2, 3]),
        (("--type", "discord_join"), [2, 4]),
        (("--type", "discord_role_change/added"), [3]),
        (("--action", "joined"), [2, 4]),
        (("--source", "patreon"), [5]),
        (("--target", ORACLE), [1, 3]),
        (("--target", "Oracle"), [1, 3, 5]),
        (("--since", "2026-01-02"), [5]),
        (("--until", "2026-01-01"), [1, 2, 3, 4]),
    ],
)
def test_list_picks_by_everything_that_is_given(
    temple: Typed, ledger: LedgerScenario, arguments: tuple[str, ...], positions: list[int]
) -> None:
    assert [event["id"] for event in temple("events", "list", *arguments, "--json").data] == positions


def test_an_event_that_says_later_who_did_it_names_the_first(temple: Typed, ledger: LedgerScenario) -> None:
    first, later = append_twice(ledger, role_added("bob", ORACLE, at(50)), "eve")
    *_, before, line = temple("events", "tail").stdout.splitlines()
    assert line.split()[0] == str(later)
    assert line.endswith(f"Oracle  (who did {first}: eve)")
    assert before.endswith("Oracle")
    assert f"who did {first}" in temple("events", "list").stdout.splitlines()[-1]
    assert "who did" not in temple("events", "list", "--limit", "1", "--member", "ada").stdout
    data = temple("events", "list", "--json").data
    assert [event["id"] for event in data][-2:] == [first, later], "the rows of the log as they are"


def test_list_shows_roles_by_name_and_fits_100_columns(temple: Typed, ledger: LedgerScenario) -> None:
    lines = temple("events", "list").stdout.splitlines()
    assert lines[3].split()[-2:] == ["ada", "Oracle"]
    assert max(map(len, lines)) <= 100


def test_an_event_is_json_with_the_logs_column_names(temple: Typed, ledger: LedgerScenario) -> None:
    (event,) = temple("events", "list", "--type", "discord_role_change", "--json").data
    assert event.keys() == {
        "id",
        "event_id",
        "timestamp",
        "event_type",
        "user_id",
        "action",
        "target",
        "metadata",
        "source",
        "recorded_at",
        "retracted",
    }
    assert event["metadata"] == {"granted_by": "eve"}


def test_show_takes_a_position_or_an_event_id(temple: Typed, ledger: LedgerScenario) -> None:
    by_position = temple("events", "show", "3", "--json").data
    assert temple("events", "show", by_position["event_id"], "--json").data == by_position
    assert by_position["processed_at"] is None
    ledger.catch_up()
    assert temple("events", "show", "3", "--json").data["processed_at"] is not None


def test_show_says_that_an_event_is_parked(temple: Typed, ledger: LedgerScenario) -> None:
    position = unfoldable(ledger.database, "ada", at(4))
    ledger.catch_up()
    assert "parked by members: target is missing" in temple("events", "show", str(position)).stdout
    assert temple("events", "show", str(position), "--json").data["processed_at"] is None


@pytest.mark.parametrize(
    ("which", "code"), [("99", 1), ("6f3f35e0-7518-4c02-9361-52ec287ce600", 1), ("abc", 2), ("-1", 2), ("0", 2)]
)
def test_what_is_no_event_is_one_sentence(temple: Typed, ledger: LedgerScenario, which: str, code: int) -> None:
    ended = temple("events", "show", which)
    assert (ended.code, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr


def test_a_payload_that_python_can_not_decode_is_shown_all_the_same(temple: Typed, ledger: LedgerScenario) -> None:
    digits = "9" * 5_000
    with ledger.database.connect(DatabaseRole.APPEND) as connection:
        connection.execute(
            "insert into webhook_audit_log"
            " (event_id, timestamp, event_type, user_id, action, metadata, source) values"
            " (gen_random_uuid(), 'infinity', 'discord_join', 'cleo', 'joined', %s::jsonb, 'elsewhere')",
            (f'{{"n": {digits}}}',),
        )
    (event,) = temple("events", "list", "--member", "cleo", "--json").data
    assert event["timestamp"] is None
    assert digits in event["metadata"]
    assert digits in temple("events", "show", "6").stdout
    assert temple("events", "tail", "-n", "1").code == 0
    assert temple("member", "history", "cleo").code == 0


def test_tail_shows_the_end_of_the_log_a_line_for_each_event(temple: Typed, ledger: LedgerScenario) -> None:
    lines = temple("events", "tail", "-n", "2").stdout.splitlines()
    assert [each.split()[0] for each in lines] == ["4", "5"]
    objects = [json.loads(each) for each in temple("events", "tail", "-n", "2", "--json").stdout.splitlines()]
    assert [each["id"] for each in objects] == [4, 5]


class Following:
    """A `temple events tail -f` that runs, and its lines as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._lines: Queue[str] = Queue()
        Thread(target=self._read, args=(process.stdout,), daemon=True).start()

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            self._lines.put(line)

    def is_quiet(self, *, seconds: float) -> bool:
        try:
            self._lines.put(self._lines.get(timeout=seconds))
        except Empty:
            return True
        return False

    def positions(self, number: int) -> list[int]:
        """Of the next lines."""
        return [json.loads(self._lines.get(timeout=60))["id"] for _ in range(number)]


def test_following_shows_new_events_as_they_come(temple: Typed, ledger: LedgerScenario, spawn: Spawn) -> None:
    tail = Following(spawn("events", "tail", "-f", "-n", "1", "--json", "--type", "discord_join"))
    assert tail.positions(1) == [4]
    ledger.when(role_added("bob", ORACLE, at(5)), joined("cleo", at(6)))
    assert tail.positions(1) == [7]


def test_following_waits_behind_an_open_transaction_and_then_shows_each_event_once(
    ledger: LedgerScenario, spawn: Spawn
) -> None:
    with ledger.database.connect(DatabaseRole.APPEND, autocommit=False) as open_one:
        # position 6 is drawn, and not committed
        open_one.execute(INSERT, {"user_id": "slow"})
        ledger.when(joined("quick", at(6)))
        tail = Following(spawn("events", "tail", "-f", "-n", "1", "--json"))
        assert tail.positions(1) == [5]
        assert tail.is_quiet(seconds=0.5)
        open_one.commit()
    assert tail.positions(2) == [6, 7]


def test_a_reader_that_leaves_ends_it_quietly_with_141(ledger: LedgerScenario, spawn: Spawn) -> None:
    ledger.when(*(joined(f"member {number}", at(number)) for number in range(2_000)))
    process = spawn("events", "tail", "-n", "9999", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    assert process.wait(timeout=60) == 141
