"""`temple inbox`, and what `temple status` says of sources."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from tests.cli.conftest import Typed
from tests.inbox.builders import Bells, delivery, kept, rows

SECRETIVE = '{"email": "zoe@example.org", "name": "Zo\\u00eb\\u001b[31m"}'


@pytest.fixture
def some(database: Database) -> Database:
    """One translated, one set aside, one that cannot be read, one failed, one waiting."""
    Bells.table(database)
    kept(database, *(delivery(each) for each in ("ada", "test", "?", "eve!")))
    with TranslationWorker(database, Bells()) as worker:
        worker.step()
    kept(database, delivery(SECRETIVE, kind="rung loudly"))
    return database


def test_deliveries_are_listed_by_source_state_kind_and_time(temple: Typed, some: Database) -> None:
    def listed(*options: str) -> list[int]:
        return [each["id"] for each in temple("inbox", "list", "--json", *options).data]

    ids = rows(some, "id")
    assert listed() == ids[::-1]
    assert listed("--limit", "2") == ids[:-3:-1]
    assert listed("--state", "failed") == [ids[3]]
    assert listed("--kind", "rung loudly") == [ids[4]]
    assert listed("--source", "bells") == ids[::-1]
    assert listed("--source", "gongs") == []
    assert listed("--since", "2026-01-02") == ids[::-1]
    assert listed("--since", "2026-01-03") == []


def test_a_body_is_shown_only_when_it_is_asked_for(temple: Typed, some: Database) -> None:
    number = str(rows(some, "id")[4])
    for command in (["list"], ["list", "--json"], ["show", number], ["show", number, "--json"], ["sources"]):
        ended = temple("inbox", *command)
        assert ended.code == 0
        assert "zoe" not in ended.stdout + ended.stderr
    shown = temple("inbox", "show", number, "--body")
    assert '"email": "zoe@example.org"' in shown.stdout
    assert "Zoë" in shown.stdout
    assert temple("inbox", "show", number, "--body", "--json").data["body"]["email"] == "zoe@example.org"
    assert temple("inbox", "show", number, "--raw").stdout == SECRETIVE


@pytest.mark.parametrize("body", [b"\x1b[2Jnot \xff JSON", b"[" * 5_000, b'"\xc2\x9b31m"', b""])
def test_no_body_steers_the_terminal_or_ends_the_command(temple: Typed, database: Database, body: bytes) -> None:
    (one,) = kept(database, Delivery("bells", "rung", body, digest_of(b"", body), datetime.now(UTC)))
    shown = temple("inbox", "show", str(one.id), "--body")
    assert shown.code == 0
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", shown.stdout)
    assert temple("inbox", "show", str(one.id), "--body", "--json").code == 0


def test_who_only_reads_the_ledger_can_not_read_bodies(some: Database) -> None:
    with some.connect(DatabaseRole.READ) as connection, pytest.raises(Exception, match="permission denied"):
        connection.execute("select body from inbox")


def test_a_failed_delivery_is_translated_again_once_its_cause_is_mended(temple: Typed, some: Database) -> None:
    number = str(rows(some, "id")[3])
    ended = temple("inbox", "retry", number)
    assert (ended.code, ended.stdout) == (0, "1 delivery waiting again\n")

    with TranslationWorker(some, Bells()) as worker:
        worker.step()
    assert rows(some, "state")[3] == "failed", "the cause is still there"
    assert temple("inbox", "retry", number).code == 0
    with TranslationWorker(some, Bells(refused="nothing")) as worker:
        worker.step()
    assert rows(some, "state, note")[3] == ("translated", None)
    with some.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update inbox set state = 'failed' where id = %s", [number])
    assert temple("inbox", "retry", "--all", "--source", "bells").stdout == "1 delivery waiting again\n"
    assert temple("inbox", "retry", "--all", "--source", "gongs").stdout == "0 deliveries waiting again\n"
    assert temple("inbox", "retry", "--all", "--state", "unparseable").stdout == "1 delivery waiting again\n"


def test_of_several_that_are_named_all_are_retried_or_none(temple: Typed, some: Database) -> None:
    ids = rows(some, "id")
    ended = temple("inbox", "retry", str(ids[3]), str(ids[0]))
    assert ended.code == 5
    assert f"delivery {ids[0]} is translated, not failed" in ended.stderr
    assert rows(some, "state")[3] == "failed"
    assert temple("inbox", "retry", "99999").code == 1
    assert temple("inbox", "retry").code == 2
    assert temple("inbox", "retry", "1", "--all").code == 2


def test_what_somebody_has_looked_at_is_trouble_no_more(temple: Typed, some: Database) -> None:
    ids = rows(some, "id")
    ended = temple("inbox", "set-aside", str(ids[3]), str(ids[2]), "--reason", "a test", TEMPLE_OPERATOR="zoe")
    assert ended.stdout == "2 deliveries set aside\n"
    assert rows(some, "state, note")[2:4] == [("set_aside", "set aside by zoe: a test")] * 2
    assert not any("could not be translated" in each["what"] for each in temple("status", "--json").data["troubles"])
    refused = temple("inbox", "set-aside", str(ids[4]), "--reason", "a test")
    assert refused.code == 5
    assert f"delivery {ids[4]} is waiting, neither failed nor unparseable" in refused.stderr
    assert temple("inbox", "set-aside", str(ids[4])).code == 2


def test_what_was_translated_is_pruned_when_it_is_old_and_what_was_not_never(temple: Typed, some: Database) -> None:
    with some.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update inbox set received_at = %s", [datetime.now(UTC) - timedelta(days=40)])
        connection.execute("update inbox set last_received_at = received_at")
    ended = temple("inbox", "prune", "--older-than-days", "30", "--dry-run")
    assert ended.stdout == "3 deliveries older than 30 days would be deleted\n"
    assert len(rows(some)) == 5
    assert temple("inbox", "prune").stdout == "0 deliveries older than 90 days deleted\n"
    assert temple("inbox", "prune", TEMPLE_INBOX_KEEP_DAYS="39").stdout == "3 deliveries older than 39 days deleted\n"
    assert rows(some, "state") == ["failed", "waiting"]


def test_what_still_comes_again_is_not_pruned_yet(temple: Typed, some: Database) -> None:
    with some.connect(DatabaseRole.LOGIN) as connection:
        connection.execute("update inbox set received_at = now() - interval '40 days', last_received_at = now()")
    assert temple("inbox", "prune", "--older-than-days", "30").stdout.startswith("0 deliveries")


@pytest.mark.parametrize("state", ["waiting", "failed"])
def test_not_even_by_hand_is_an_untranslated_delivery_deleted(some: Database, state: str) -> None:
    with (
        some.connect(DatabaseRole.TRANSLATE) as connection,
        pytest.raises(Exception, match="was not translated: it is kept"),
    ):
        connection.execute("delete from inbox where state = %s", [state])


def test_status_tells_of_each_source_when_it_spoke_last_and_what_is_wrong(temple: Typed, some: Database) -> None:
    data = temple("status", "--json").data
    (source,) = data["sources"]
    wanted = {"source": "bells", "received": 5, "repeats": 0, "waiting": 1, "failed": 1, "unparseable": 1, "events": 1}
    assert {name: source[name] for name in wanted} == wanted
    assert source["oldest_waiting_seconds"] > 60
    troubles = {each["what"]: each["next"] for each in data["troubles"]}
    assert troubles["1 delivery of bells could not be translated"] == "temple inbox list --state failed"
    assert any("1 delivery of bells not translated yet, the oldest for" in each for each in troubles)
    shown = temple("status").stdout
    assert re.search(
        r"from      bells: 5 deliveries, the last \d+ days? ago; 1 waiting, 1 failed, 1 unparseable", shown
    )
    assert json.loads(temple("inbox", "sources", "--json").stdout)["data"][0]["events"] == 1
