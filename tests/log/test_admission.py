"""What people import: mistakes that look like facts are refused, names mean what they meant then, and what was imported
before is known again."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import FutureEvent, InvalidEvent
from temple_ledger.domain.log_entry import entry_of_line
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.admission import Admission, Allowed, read_role_names
from temple_ledger.infrastructure.log.append import LogAppender, append_within
from temple_ledger.infrastructure.log.import_lines import Imported, import_lines
from tests.log.builders import as_lines, joined, rows

NOTHING = Allowed()
ORACLE, SEEKER = "400000000000000002", "400000000000000003"
GRANT = {
    "timestamp": "2024-05-01T12:00:00+02:00",
    "event_type": "discord_role_change",
    "user_id": "800000000000000007",
    "action": "added",
    "target": "Oracle",
    "source": "manual",
    "metadata": {"granted_by": "500000000000000001"},
}
IDS: list[tuple[dict[str, Any], str]] = [
    ({}, "a7c39e23-9fe5-5f8c-9a12-7bba88d6eb91"),
    ({"target": " Oracle "}, "1ef1e760-08c0-5c1f-b65e-228736e83251"),
    ({"user_id": " 800000000000000007"}, "5e9103b6-7946-5418-bf8e-9b81d97368e9"),
    ({"target": "Ora\u0301culo"}, "070831a4-2942-5bb4-8afd-204875eab624"),
    ({"target": ORACLE}, "0d91ac8e-f637-5ab0-977c-18e9312c12d1"),
    ({"metadata": None}, "387f510d-bb16-5be2-b25b-36b86bebe751"),
    ({"timestamp": "2024-05-01T10:00:00.1234567Z"}, "89b07a90-793c-5f30-b819-5337342401e0"),
    ({"user_id": "<@800000000000000007>"}, "81958df4-890b-5b8b-a888-67c546347147"),
    ({"action": "add"}, "082c841f-4812-5e33-bdeb-a1858049a61b"),
    ({"timestamp": "2062-05-01T10:00:00Z"}, "81a277ed-a7e8-5679-9b12-56f244e4188b"),
    ({"user_id": "1.14E+18"}, "20f8fc09-1fb0-5233-bdfd-36e4faa64a3d"),
]
"""Of the release before names were looked up."""


def named(role: str, name: str, action: str = "created", timestamp: str = "2024-01-01T00:00:00Z") -> dict[str, Any]:
    return {
        "timestamp": timestamp,
        "event_type": "discord_role",
        "user_id": "guild",
        "action": action,
        "target": role,
        "source": "discord",
        "metadata": {"name": name},
    }


def imported(
    database: Database, *lines: dict[str, Any], allowed: Allowed = NOTHING, rejects: Path | None = None
) -> Imported:
    with database.connect(DatabaseRole.READ) as connection:
        admission = Admission(CATALOGUE, read_role_names(connection), allowed)
    return import_lines(
        database, io.BytesIO(as_lines(*lines)), admission=admission, rejects=rejects, catalogue=CATALOGUE
    )


def imported_before(database: Database, *lines: dict[str, Any]) -> Imported:
    """As the release before would have: every event as it stands."""
    return import_lines(database, io.BytesIO(as_lines(*lines)), catalogue=CATALOGUE)


@pytest.mark.parametrize(("change", "event_id"), IDS)
def test_a_line_has_the_event_id_that_it_always_had(change: dict[str, Any], event_id: str) -> None:
    assert str(entry_of_line(json.dumps({**GRANT, **change}), CATALOGUE).event_id) == event_id


def test_a_line_that_is_stored_with_other_names_has_the_id_of_what_was_written(database: Database) -> None:
    changes = [(change, event_id) for change, event_id in IDS[:7] if change != {"target": ORACLE}]
    result = imported(database, named(ORACLE, "Oracle"), *({**GRANT, **change} for change, _ in changes))
    assert result.complete
    assert [str(each) for each in rows(database, "event_id")[1:]] == [event_id for _, event_id in changes]


@pytest.mark.parametrize("directory_first", [True, False])
def test_a_file_that_was_imported_before_adds_nothing(database: Database, directory_first: bool) -> None:
    lines = [{**GRANT, **change} for change, _ in IDS]
    if directory_first:
        lines.insert(0, named(ORACLE, "Oracle"))
    before = imported_before(database, *lines)
    if not directory_first:
        imported_before(database, named(ORACLE, "Oracle"))
    again = imported(database, *lines)
    assert (again.added, again.duplicates, again.complete) == (0, before.added, True)


def test_a_file_that_is_imported_twice_adds_nothing_even_when_a_role_was_named_between(database: Database) -> None:
    assert imported(database, GRANT).added == 1
    imported(database, named(ORACLE, "Oracle"))
    again = imported(database, GRANT)
    assert (again.added, again.duplicates, again.conflicts) == (0, 1, 0)


@pytest.mark.parametrize("name", ["Oracle", " Oracle", "oracle ", "ORACLE"])
def test_the_name_of_a_role_becomes_its_id(database: Database, name: str) -> None:
    imported(database, named(ORACLE, "Oracle"), {**GRANT, "target": name})
    assert rows(database, "target") == [ORACLE, ORACLE]


def test_a_name_is_what_it_was_at_the_time_of_the_line(database: Database) -> None:
    imported(database, named(ORACLE, "Oracle"), named(ORACLE, "Elder", "renamed", "2024-06-01T00:00:00Z"))
    imported(database, named(SEEKER, "Oracle", timestamp="2024-06-01T00:00:00Z"))
    late = {**GRANT, "timestamp": "2024-07-01T00:00:00Z"}
    imported(database, GRANT, late)
    assert rows(database, "target")[-2:] == [ORACLE, SEEKER]


def test_a_name_that_two_roles_had_refuses_the_line_with_both(database: Database, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    two = named(ORACLE, "Oracle"), named(SEEKER, "Oracle")
    assert imported(database, *two, GRANT, rejects=rejects).rejected == 1
    reason = json.loads(rejects.read_text())["reason"]
    assert ORACLE in reason
    assert SEEKER in reason
    assert imported(database, GRANT, allowed=Allowed(names=True)).added == 1
    assert rows(database, "target")[-1] == "Oracle"


def test_a_name_that_nobody_has_stays_a_name_in_one_form(database: Database) -> None:
    imported(database, {**GRANT, "target": " Ora\u0301culo\u00a0"})
    assert rows(database, "target") == ["Or\u00e1culo"]


@pytest.mark.parametrize(
    "user_id",
    [
        "<@800000000000000007>",
        "<@!800000000000000007>",
        "@800000000000000007",
        "1.14E+18",
        "1,14E+18",
        "1E+18",
        "800000000000000007.0",
        "800000000 000000007",
        "80000\u200b0000",
        " \t",
        "'800000000000000003",
        "ada#1234",
        "@ada",
        "NULL",
        "None",
        "#N/A",
        "\uff18\uff10\uff10\uff10",
        "\u0668\u0660\u0660",
        "800.000.000.000.000.007",
        "800,000,000,000,000,007",
        "800\u2019000\u2019000\u2019000\u2019000\u2019007",
        '="800000000000000007"',
        "+800000000000000007",
        "{800000000000000007}",
        "800000000000000007;",
        "https://discord.com/users/800000000000000007",
        "ada@example.org",
        "#NV",
        "#REF!",
        "-",
        "?",
    ],
)
def test_what_is_no_id_of_a_member_is_refused(database: Database, user_id: str) -> None:
    line = {**GRANT, "user_id": user_id}
    assert imported(database, line).rejected == 1
    assert imported(database, line, allowed=Allowed(names=True)).added == 1
    assert rows(database, "user_id") == [user_id]


@pytest.mark.parametrize(
    "user_id",
    [
        "800000000000000007",
        "patreon:4711",
        "forum:800000000000000007",
        "user_800000000000000007",
        "7f1234567890123456a",
        "ada",
        "ada.lovelace",
        "Zo\u00eb",
        "12e5",
        "1.2.3",
    ],
)
def test_what_may_be_an_id_is_accepted(database: Database, user_id: str) -> None:
    assert imported(database, {**GRANT, "user_id": user_id}).added == 1


@pytest.mark.parametrize("action", ["added", "created"])
@pytest.mark.parametrize(
    "target",
    [
        "<@&400000000000000002>",
        "@Oracle",
        "9.1E+17",
        "NULL",
        "'400000000000000002",
        "400.000.000.000.000.002",
        "Oracle (400000000000000002)",
    ],
)
def test_what_is_no_role_is_refused(database: Database, target: str, action: str) -> None:
    event_type = "discord_role" if action == "created" else "discord_role_change"
    line = {**GRANT, "event_type": event_type, "action": action, "target": target}
    assert imported(database, line).rejected == 1
    assert imported(database, line, allowed=Allowed(names=True)).added == 1
    assert rows(database, "target") == [target]


@pytest.mark.parametrize("name", ["@Oracle", "None", "9.1E+17", "Oracle#0001"])
def test_a_role_that_is_really_called_so_is_found(database: Database, name: str) -> None:
    assert imported(database, named(ORACLE, name), {**GRANT, "target": name}).added == 2
    assert rows(database, "target") == [ORACLE, ORACLE]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"metadata": {"granted_by": 500000000000000001}}, "metadata.granted_by is not a string"),
        ({"metadata": {"granted_by": ["500000000000000001"]}}, "metadata.granted_by is not a string"),
        ({"metadata": {"granted_by": "<@500000000000000001>"}}, "is a mention"),
        ({"metadata": {"granted_by": "@everyone"}}, "is everybody in the server"),
        ({"metadata": {"granted_by": "5E+17"}}, "spreadsheet has rounded"),
        ({"metadata": {"granted_by": "null"}}, "where there is none"),
        ({"metadata": {"granted_By": "500000000000000001"}}, "'granted_By', where 'granted_by' is read"),
        ({"metadata": {"grantedBy": "500000000000000001"}}, "'grantedBy', where 'granted_by' is read"),
        ({"action": "removed", "metadata": {"by": 5}}, "metadata.by is not a string"),
        ({"action": "removed", "metadata": {"By": "5"}}, "'By', where 'by' is read"),
        ({"event_type": "discord_leave", "action": "left", "metadata": {"by": "@ada"}}, "is a mention"),
        ({"metadata": {"granted_by": "Eve (500000000000000001)"}}, "give the id alone"),
        ({"metadata": {"by": "500000000000000001"}}, "'by', where 'granted_by' is read"),
        ({"action": "removed", "metadata": {"granted_by": "500000000000000001"}}, "'granted_by', where 'by' is read"),
        ({"metadata": '{"granted_by": "500000000000000001"}'}, "metadata is text"),
        ({"metadata": ["500000000000000001"]}, "metadata is an array"),
        ({"metadata": 7}, "metadata is a number"),
    ],
)
def test_who_did_it_is_an_id_or_a_name_under_the_key_that_is_read(
    database: Database, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    line, rejects = {**GRANT, **change}, tmp_path / "rejects.jsonl"
    assert imported(database, line, rejects=rejects).rejected == 1
    assert reason in json.loads(rejects.read_text())["reason"]
    assert "--keep-names" in json.loads(rejects.read_text())["reason"]
    assert imported(database, line, allowed=Allowed(names=True)).added == 1


def test_keys_that_are_clear_in_one_kind_of_event_are_looked_at_in_another(database: Database) -> None:
    metadata = {"granted_By": "500000000000000001"}
    pledge = {**GRANT, "event_type": "patreon_membership", "action": "started", "metadata": metadata}
    result = imported(database, pledge, {**GRANT, "metadata": metadata})
    assert (result.added, result.rejected) == (1, 1)


@pytest.mark.parametrize(
    "metadata",
    [
        {"granted_by": "Sir Bedivere"},
        {"granted_by": None},
        {"granted_by": ""},
        {"note": {"By": 1}},
        {"granted_by": "5"},
        {"granted_by": "5", "by": "6"},
    ],
)
def test_who_did_it_may_be_a_name_or_nobody(database: Database, metadata: dict[str, Any]) -> None:
    assert imported(database, {**GRANT, "metadata": metadata}).added == 1


def test_keys_of_foreign_kinds_are_their_own_matter(database: Database) -> None:
    foreign = {**GRANT, "event_type": "shop_order", "action": "paid", "metadata": {"By": 1, "granted_by": 2}}
    assert imported(database, foreign).added == 1


def test_a_misspelt_kind_is_refused_and_a_foreign_one_is_counted(database: Database) -> None:
    misspelt = {**GRANT, "action": "add"}
    foreign = {**GRANT, "event_type": "shop_order", "action": "paid"}
    result = imported(database, misspelt, foreign, {**GRANT, "event_type": "discord_rolechange"})
    assert (result.added, result.rejected, dict(result.unread)) == (1, 2, {"shop_order/paid": 1})
    allowed = imported(database, misspelt, allowed=Allowed(unknown=True))
    assert (allowed.added, dict(allowed.unread)) == (1, {"discord_role_change/add": 1})


def test_an_export_is_stored_as_it_is(database: Database) -> None:
    exported = {**GRANT, "id": 7, "recorded_at": "2024-05-01T10:00:01Z"}
    result = imported(database, named(ORACLE, "Oracle"), exported, {**exported, "action": "add", "user_id": "<@7>"})
    assert result.complete
    assert rows(database, "user_id, action, target")[1:] == [
        ("800000000000000007", "added", "Oracle"),
        ("<@7>", "add", "Oracle"),
    ]


def test_what_was_retracted_elsewhere_is_refused(database: Database) -> None:
    line = {**GRANT, "id": 7, "recorded_at": "2024-05-01T10:00:01Z", "retracted_at": "2024-05-02T10:00:01Z"}
    assert imported(database, line).rejected == 1


def test_a_time_ahead_is_refused_at_every_door(database: Database) -> None:
    now = datetime.now(UTC)
    ahead, soon = now + timedelta(days=1, minutes=5), now + timedelta(hours=23)
    lines = [{**GRANT, "timestamp": each.isoformat()} for each in (ahead, soon)]
    assert (imported(database, *lines).added, imported(database, *lines).rejected) == (1, 1)
    assert imported(database, lines[0], allowed=Allowed(future=True)).added == 1
    entry = joined(timestamp=ahead)
    with LogAppender(database) as appender:
        with pytest.raises(FutureEvent, match="in the future"):
            appender.append(entry)
        with pytest.raises(FutureEvent):
            appender.append_many([joined(), entry])
    with database.connect(DatabaseRole.APPEND) as connection, pytest.raises(FutureEvent):
        append_within(connection, [joined(), entry])
    assert len(rows(database)) == 2
    with LogAppender(database, allow_future=True) as appender:
        assert appender.append(entry).added


TWICE = ['{"a": 1, "a": 2}', '{"metadata": {"a": 1, "a": 2}}', '{"metadata": [{"b": {"a" : 1, "a": 1}}]}']


@pytest.mark.parametrize("text", TWICE)
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match="'a' stands twice"):
        entry_of_line(text, CATALOGUE)


@pytest.mark.parametrize(
    "metadata", [{"a": '"b":'}, {'k":': 1}, {"a": {"a": {"a": 1}}}, {"x": ['"y" :', {"z": '\\":'}]}, {"": {}}]
)
def test_what_looks_like_a_key_and_is_none_is_accepted(metadata: dict[str, Any]) -> None:
    assert json.loads(entry_of_line(json.dumps({**GRANT, "metadata": metadata}), CATALOGUE).metadata or "") == metadata
