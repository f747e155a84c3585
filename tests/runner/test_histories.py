"""Any history, in any order of arrival, in any batches, with duplicates and restarts: the rows are the fold."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import NAMESPACE, LogEntry
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.log.append import LogAppender
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.projections import members_at_a_time
from temple_ledger.projections.activity import activity
from temple_ledger.projections.drift import Drift
from temple_ledger.projections.members import ROLES, STATUS, members
from temple_ledger.projections.processor import Projection, processor_of
from tests.slow_fold import ROLE_TABLE, STATUS_TABLE, slow_fold
from tests.thorough import examples

KINDS = st.sampled_from(
    [
        ("discord_join", "joined", False),
        ("discord_leave", "left", False),
        ("discord_role_change", "added", True),
        ("discord_role_change", "added", True),
        ("discord_role_change", "removed", True),
        ("patreon_membership", "started", None),
        ("patreon_membership", "ended", None),
        ("member_inactivity", "marked", False),
        ("discord_role", "renamed", True),
        ("discord_message_pin", "pinned", False),
    ]
)
METADATA: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        {},
        [],
        7,
        {"granted_by": "mod"},
        {"granted_by": "bot"},
        {"granted_by": ""},
        {"granted_by": 12},
        "text",
    ]
)
EVENT = st.tuples(KINDS, st.integers(0, 2), st.sampled_from(["Oracle", "Seeker"]), st.integers(0, 9), METADATA)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 6)),
        st.tuples(st.just("fold"), st.integers(1, 5)),
        st.tuples(st.just("restart"), st.integers(1, 3)),
        st.tuples(st.just("again"), st.integers(1, 4)),
    ),
    min_size=3,
    max_size=25,
)
_examples = count(1)


def _entry(number: int, example: int, drawn: Any) -> LogEntry:
    (event_type, action, needs_role), who, role, hour, metadata = drawn
    target = role if needs_role else (role if needs_role is None and hour % 2 else None)
    return LogEntry(
        uuid5(NAMESPACE, f"{example}/{number}"),
        datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour),
        event_type,
        f"{example}-{who}",
        action,
        target,
        None if metadata is None else json.dumps(metadata),
        "test",
    )


def test_rows_are_the_fold_of_any_history_in_any_batches(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    @settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(EVENT, min_size=1, max_size=30), STEPS)
    def holds(drawn: list[Any], steps: list[tuple[str, int]]) -> None:
        example = next(_examples)
        entries = [_entry(number, example, each) for number, each in enumerate(drawn)]
        positions = _play(database, entries, steps, monkeypatch)
        lines = [
            {
                **entry._asdict(),
                "id": positions[entry.event_id],
                "metadata": json.loads(entry.metadata or "null"),
            }
            for entry in entries
        ]
        assert _stored(database, f"{example}-") == slow_fold(lines)

    holds()
    both: list[Projection] = [members, activity]
    for projection in both:
        assert verify(database, projection, catalogue=CATALOGUE).ok
        found: list[Drift] = []
        assert rebuild(database, projection, each=found.append, catalogue=CATALOGUE, by="ada") is not None
        assert found == []
        assert verify(database, projection, catalogue=CATALOGUE).ok


def _play(
    database: Database, entries: list[LogEntry], steps: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> dict[UUID, Position]:
    """Appends the entries in pieces with duplicates, folding in between; the position of each."""
    positions: dict[UUID, Position] = {}
    waiting = list(entries)
    with LogAppender(database) as appender, database.connect(DatabaseRole.PROJECT) as connection:
        processor = processor_of(members, transactions(connection), catalogue=CATALOGUE)
        for step, number in [*steps, ("append", len(entries)), ("fold", 1_000)]:
            if step == "restart":
                monkeypatch.setattr(members_at_a_time, "FEWEST", number)
                processor = processor_of(members, transactions(connection), catalogue=CATALOGUE)
            elif step == "fold":
                while processor.step(upto=settled_head(connection), limit=number).idle is None:
                    if number < 1_000:
                        break
            else:
                batch = waiting[:number] if step == "append" else entries[: len(entries) - len(waiting)][-number:]
                for entry, appended in zip(batch, appender.append_many(batch), strict=True):
                    positions.setdefault(entry.event_id, appended.position)
                if step == "append":
                    waiting = waiting[number:]
        other = processor_of(activity, transactions(connection), catalogue=CATALOGUE)
        while other.step(upto=settled_head(connection), limit=7).idle is None:
            pass
    return positions


def _stored(database: Database, prefix: str) -> dict[str, dict[Any, Any]]:
    with database.connect(DatabaseRole.READ) as connection:
        roles = connection.execute(
            f"select user_id, role, granted_at, granted_by from {ROLES.name} where user_id like %s",
            (prefix + "%",),
        ).fetchall()
        statuses = connection.execute(
            "select user_id, discord_joined_at, patreon_tier, total_roles_count, last_activity, status "
            f"from {STATUS.name} where user_id like %s",
            (prefix + "%",),
        ).fetchall()
    return {
        ROLE_TABLE: {(user_id, role): (granted_at, by) for user_id, role, granted_at, by in roles},
        STATUS_TABLE: {user_id: tuple(row) for user_id, *row in statuses},
    }
