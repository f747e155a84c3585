"""What is recorded of the members of a batch of frames: read at once, changed here, written at once.

Two exchanges with the database for each frame were most of what translating it took.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from temple_ledger.infrastructure.sources.discord import store as observed
from temple_ledger.infrastructure.sources.discord.change import GuildChange
from temple_ledger.infrastructure.sources.discord.inference import WINDOW, Conclusion, latest_frame
from temple_ledger.infrastructure.sources.discord.model import Attribution, GuildMember
from temple_ledger.infrastructure.sources.discord.store import (
    AttributionKey,
    AttributionState,
    MemberRecord,
    RememberedChange,
    key_of,
)

Connection = psycopg.Connection[Any]


class MemberBatch:
    """As if each frame were written before the next one is read; nobody else writes these tables meanwhile, as the
    translator's row is held."""

    def __init__(
        self, connection: Connection, user_ids: Collection[str], attributions: Sequence[Attribution] = ()
    ) -> None:
        """*attributions* are those that are going to be added; members whom they name are among *user_ids*, or their
        record is not asked for."""
        self._connection = connection
        records = observed.stored_members(connection, sorted(user_ids)) if user_ids else {}
        self._members: dict[str, GuildMember] = {user_id: each.member for user_id, each in records.items()}
        self._open: dict[str, dict[AttributionKey, Attribution]] = {
            user_id: {key_of(each): each for each in record.attributions} for user_id, record in records.items()
        }
        self._states: dict[AttributionKey, AttributionState] = {}
        self._changes: dict[str, dict[str, RememberedChange]] = {}
        if attributions:
            self._states = observed.attribution_states(connection, {each.entry_id for each in attributions})
            for change in observed.remembered_changes(connection, {each.user_id for each in attributions}):
                self._changes.setdefault(change.user_id, {})[change.key] = change
        self._observed: dict[str, GuildMember] = {}
        self._added: dict[AttributionKey, Attribution] = {}
        self._used: dict[AttributionKey, tuple[Attribution, UUID]] = {}
        self._closed: dict[AttributionKey, Attribution] = {}
        self._claimed: set[str] = set()
        self._remembered: dict[str, RememberedChange] = {}

    def record(self, user_id: str) -> MemberRecord:
        return MemberRecord(self._members[user_id], list(self._open[user_id].values()))

    def add_conclusion(self, concluded: Conclusion, received_at: datetime) -> None:
        """Changes that nobody explained yet are remembered, for an entry that comes later."""
        member = concluded.member
        self._members[member.user_id] = self._observed[member.user_id] = member
        for by, change in concluded.used:
            self.use(by, change.event_id)
        for entry in concluded.without_effect:
            self._closed[key_of(entry)] = entry
            self._close(entry)
        for unexplained in observed.to_remember(concluded.changes, received_at):
            changes = self._changes.setdefault(unexplained.user_id, {})
            if unexplained.key not in changes:
                changes[unexplained.key] = self._remembered[unexplained.key] = unexplained

    def add_attributions(self, attributions: Iterable[Attribution]) -> list[Attribution]:
        """Those that nothing has used yet, with when they came: also of one that is read back after that."""
        added = [self._add(each) for each in attributions]
        return [each for each in added if each is not None]

    def _add(self, given: Attribution) -> Attribution | None:
        key = key_of(given)
        state = self._states.get(key)
        if state is not None and state.received_at is not None:
            given = replace(given, received_at=state.received_at, session=state.session)
        self._added[key] = given
        is_open = state is None or state.is_open
        self._states[key] = AttributionState(is_open, given.received_at, given.session)
        if not is_open:
            return None
        of_member = self._open.get(given.user_id)
        if of_member is not None:
            # what was stored of an entry stays; only when it came may be new
            before = of_member.get(key, given)
            of_member[key] = replace(before, received_at=given.received_at, session=given.session)
        return given

    def claim_change(self, attribution: Attribution) -> GuildChange | None:
        """The change that this entry explains and that nobody explained; it is not there any more then.

        Its frame came when it happened, or as late as the entry did: a RESUME delays the one, or both. It is the one
        that came nearest to when the entry was made, or to when it came; of those that came together, the first.
        """
        kind, at, came_at = attribution.direction, attribution.at, attribution.came_at
        if kind == "delete":
            return None
        changes = self._changes.get(attribution.user_id, {})
        earliest, latest = min(at, came_at) - WINDOW, latest_frame(attribution)
        fitting = [
            each
            for each in changes.values()
            if (each.direction, each.role) == (kind, attribution.role) and earliest <= each.received_at <= latest
        ]
        if not fitting:
            return None
        nearest = min(
            fitting,
            key=lambda each: (
                min(abs(each.received_at - at), abs(each.received_at - came_at)),
                each.received_at,
                each.at,
            ),
        )
        del changes[nearest.key]
        if self._remembered.pop(nearest.key, None) is None:
            self._claimed.add(nearest.key)
        return GuildChange(attribution.user_id, kind, nearest.at, nearest.key, attribution.role)

    def use(self, by: Attribution, event_id: UUID) -> None:
        self._used[key_of(by)] = by, event_id
        self._close(by)

    def _close(self, entry: Attribution) -> None:
        key = key_of(entry)
        self._states[key] = AttributionState(False, entry.received_at, entry.session)
        self._open.get(entry.user_id, {}).pop(key, None)

    def write(self) -> None:
        """Once, when no further frame is added."""
        observed.store_attributions(self._connection, list(self._added.values()))
        observed.store_members(self._connection, list(self._observed.values()))
        observed.use_attributions(self._connection, list(self._used.values()))
        observed.close_attributions(self._connection, list(self._closed.values()))
        observed.forget_changes(self._connection, self._claimed)
        observed.remember_changes(self._connection, list(self._remembered.values()))
