"""Snapshots of the guild: everybody's state over REST, beside what was last observed.

Both sides come in the order of ids, a page at a time, so memory does not grow with the guild.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg

from temple_ledger.domain.instant import format_instant, parse_instant
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.in_thread import in_thread
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.snapshots.apply import AppliedSnapshot, apply_snapshot
from temple_ledger.infrastructure.ingestion.snapshots.finding import Difference, Finding, FoundDifference
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot, read_snapshot
from temple_ledger.infrastructure.ingestion.snapshots.take import Taking
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.sources.discord import roles as directory
from temple_ledger.infrastructure.sources.discord import store as observed
from temple_ledger.infrastructure.sources.discord.change import SOURCE, GuildChange, entry_of_change
from temple_ledger.infrastructure.sources.discord.errors import DiscordUnavailable
from temple_ledger.infrastructure.sources.discord.frames import UnreadableFrame, snowflake
from temple_ledger.infrastructure.sources.discord.inference import CLOSED_AFTER, Conclusion, conclude
from temple_ledger.infrastructure.sources.discord.model import GuildMember, Sighting
from temple_ledger.infrastructure.sources.discord.rest import PAGE, Rest
from temple_ledger.infrastructure.sources.discord.roles import GUILD, GuildRole, Renewed, renewed, role_of
from temple_ledger.infrastructure.sources.discord.snowflake import by_number
from temple_ledger.infrastructure.sources.discord.store import MemberRecord, Surroundings
from temple_ledger.infrastructure.sources.discord.translator import seen_in

Connection = psycopg.Connection[Any]
Clock = Callable[[], datetime]

MISSING_SHARE: Final = 0.02
MISSING_MEMBERS: Final = 10
"""Discord's own count is approximate: fewer than it says by more than this, and the snapshot is not complete."""


def _now() -> datetime:
    return datetime.now(UTC)


async def take_snapshot(database: Database, rest: Rest, guild: str, *, clock: Clock = _now) -> UUID:
    """Kept with its findings; nothing else changes. What the ledger knows has to be translated by then.

    Raises DiscordUnavailable, DiscordRefuses and DatabaseUnavailable; what is there then is not complete.
    """
    with (
        database_errors("taking a snapshot"),
        database.connect(DatabaseRole.TRANSLATE, application="temple discord snapshot") as connection,
    ):
        counted = await rest.counted(guild)
        comparing = await in_thread(_Comparing, connection, guild, await rest.roles(guild), clock)
        after = "0"
        # a short page need not be the last one; an empty one is
        while page := await rest.members(guild, after, PAGE):
            after = await in_thread(comparing.take, page)
        await in_thread(comparing.finish, counted.members)
        return comparing.id


def apply_discord_snapshot(
    database: Database,
    snapshot_id: UUID,
    *,
    by: str,
    confirmed: bool = False,
    notifier: Notifier | None = None,
    chunk: int = 500,
) -> AppliedSnapshot:
    """What waits in the inbox has to be translated by then. Raises what `apply_snapshot` raises."""
    applied = apply_snapshot(
        database, DiscordSettling(), snapshot_id, by=by, confirmed=confirmed, notifier=notifier, chunk=chunk
    )
    with (
        database_errors("applying a snapshot"),
        database.connect(DatabaseRole.TRANSLATE, application="temple discord snapshot") as connection,
    ):
        started_at = read_snapshot(connection, snapshot_id).started_at
        connection.execute(statement("discord_caught_up"), {"at": started_at, "before": started_at - CLOSED_AFTER})
    return applied


class DiscordSettling:
    """See `Settling`."""

    source: Final = SOURCE

    def settle(self, connection: Connection, snapshot: Snapshot, findings: Sequence[Finding]) -> Sequence[LogEntry]:
        around = observed.surroundings(connection)
        entries: list[LogEntry] = []
        for finding in findings:
            if finding.user_id == GUILD and finding.observed is not None:
                at = parse_instant(finding.observed["at"])
                roles = [GuildRole(each["id"], each["name"]) for each in finding.observed["roles"]]
                told = _roles_told(connection, around.guild or "", roles, at, snapshot.id)
                observed.keep_roles(connection, told.roles)
                entries += told.entries
                around = observed.surroundings(connection)
        seen = {each.user_id: _seen(each, snapshot) for each in findings if each.user_id != GUILD}
        concluded = [
            (known.member.known, _concluded(around, known, seen[user_id]))
            for user_id, known in observed.known_members(connection, list(seen)).items()
            if not _was_heard_since(known.member, snapshot.started_at)
        ]
        at = snapshot.finished_at or snapshot.started_at
        observed.keep_conclusions(connection, [each for known, each in concluded if known], received_at=at)
        observed.keep_conclusions(connection, [each for known, each in concluded if not known])
        return entries + [entry_of_change(change) for _, each in concluded for change in each.changes]


class _Comparing:
    """One snapshot, page after page."""

    def __init__(self, connection: Connection, guild: str, roles: Sequence[Mapping[str, Any]], clock: Clock) -> None:
        self.id = uuid4()
        self._connection = connection
        self._clock = clock
        started_at = clock()
        row = connection.execute(statement("discord_present_count")).fetchone()
        self._known = 0 if row is None else int(row[0])
        self._taking = Taking(connection, SOURCE, self.id, started_at)
        self._around = observed.surroundings(connection)._replace(guild=guild)
        self._deleted_before = self._around.deleted.keys()
        self._vanished = self._compare_roles(guild, roles, started_at)
        self._no_roles = bool(self._vanished) and not roles
        self._around = self._around._replace(deleted={**self._around.deleted, **self._vanished})
        self._members = 0
        self._last = "0"

    def take(self, page: Sequence[Mapping[str, Any]]) -> str:
        """The last id of the page, after which the next one begins. Raises DiscordUnavailable."""
        at = self._clock()
        try:
            theirs = {snowflake(each, "user", "id"): self._seen(each, at) for each in page}
        except UnreadableFrame as error:
            raise DiscordUnavailable(f"a page of members is not what Discord documents: {error}") from None
        # rows at a boundary may come twice
        new = {user_id: seen for user_id, seen in theirs.items() if by_number(user_id) > by_number(self._last)}
        if not new:
            raise DiscordUnavailable("the pages of members do not go on; try again")
        last = max(new, key=by_number)
        self._compare(sorted({*self._ours(self._last, last, None), *new}, key=by_number), new, at)
        self._members += len(new)
        self._last = last
        return last

    def finish(self, counted: int) -> None:
        """Whoever comes after the last page is not there any more, if this is all there is."""
        after = self._last
        while ours := self._ours(after, None, PAGE):
            self._compare(ours, {}, self._clock())
            after = ours[-1]
        note = self._what_is_missing(counted)
        self._taking.finish(self._clock(), members=self._members, known=self._known, complete=note is None, note=note)

    def _what_is_missing(self, counted: int) -> str | None:
        if not self._members or counted - self._members > max(MISSING_MEMBERS, MISSING_SHARE * counted):
            return f"{self._members:,} members came, and Discord counts about {counted:,}"
        return "no roles came, and there were some" if self._no_roles else None

    def _seen(self, member: Mapping[str, Any], at: datetime) -> Sighting:
        return seen_in(member, at, _key(self.id, snowflake(member, "user", "id")), snapshot=str(self.id))

    def _unseen(self, user_id: str, at: datetime) -> Sighting:
        return Sighting(at, _key(self.id, user_id), present=False, snapshot=str(self.id))

    def _ours(self, after: str, upto: str | None, limit: int | None) -> list[str]:
        rows = self._connection.execute(
            statement("discord_present_between"), {"after": after, "upto": upto, "limit": limit}
        )
        return [row[0] for row in rows]

    def _compare(self, user_ids: Sequence[str], seen: Mapping[str, Sighting], at: datetime) -> None:
        for start in range(0, len(user_ids), PAGE):
            some = user_ids[start : start + PAGE]
            known = observed.known_members(self._connection, some)
            self._taking.keep(
                list(self._findings([(known[each], seen.get(each) or self._unseen(each, at)) for each in some]))
            )

    def _findings(self, pairs: Sequence[tuple[MemberRecord, Sighting]]) -> Iterator[Finding]:
        for known, seen in pairs:
            before = known.member
            observed_before = (before.present, before.roles, before.joined_at)
            if observed_before == (seen.present, seen.roles, seen.joined_at) and not known.attributions:
                continue
            changes = _concluded(self._around, known, seen).changes
            if changes:
                yield Finding(
                    before.user_id,
                    _as_json(seen),
                    tuple(_differences(before, seen, changes)),
                    self._loses(before, seen),
                )

    def _loses(self, before: GuildMember, seen: Sighting) -> bool:
        return before.present and (not seen.present or not before.roles - self._deleted_before <= (seen.roles or set()))

    def _compare_roles(self, guild: str, roles: Sequence[Mapping[str, Any]], at: datetime) -> Mapping[str, datetime]:
        """Roles that are not there any more, and since when."""
        told = [role_of(each) for each in roles]
        known = observed.known_roles(self._connection)
        found = _roles_told(self._connection, guild, told, at, self.id)
        if found.roles:
            differences = [
                _role_difference(known.get(role.role), role, entry)
                for role, entry in zip(found.roles, found.entries, strict=True)
            ]
            stored = {"at": format_instant(at), "roles": [{"id": role.role, "name": role.name} for role in told]}
            self._taking.keep([Finding(GUILD, stored, differences)])
        return {role.role: role.deleted_at for role in found.roles if role.deleted_at is not None}


def _concluded(around: Surroundings, known: MemberRecord, seen: Sighting) -> Conclusion:
    return conclude(
        around.guild or "", known.member, seen, known.attributions, feed=around.feed, deleted=around.deleted
    )


def _roles_told(
    connection: Connection, guild: str, told: Sequence[GuildRole], at: datetime, snapshot_id: UUID
) -> Renewed:
    """The list is all of them: what is not in it was deleted, when and by whom an entry may say."""
    known = observed.known_roles(connection)
    notes = {"reconciled": str(snapshot_id)}
    found = renewed(guild, known, told, at=at, key=f"reconcile:{snapshot_id}", notes=notes)
    there = {role.role for role in told}
    for role in known.values():
        if role.deleted_at is None and role.role not in there:
            by = observed.deletion_of(connection, role.role)
            found += directory.deleted(guild, role, role.role, at=at if by is None else by.at, by=by, notes=notes)
    return found


def _seen(finding: Finding, snapshot: Snapshot) -> Sighting:
    key, snapshot_id = _key(snapshot.id, finding.user_id), str(snapshot.id)
    stored = finding.observed
    if stored is None:
        return Sighting(snapshot.finished_at or snapshot.started_at, key, present=False, snapshot=snapshot_id)
    return seen_in(stored, parse_instant(stored["at"]), key, snapshot=snapshot_id)


def _key(snapshot_id: UUID, user_id: str) -> str:
    return f"reconcile:{snapshot_id}:{user_id}"


def _as_json(seen: Sighting) -> Mapping[str, Any] | None:
    if not seen.present:
        return None
    return {
        "at": format_instant(seen.at),
        "joined_at": None if seen.joined_at is None else format_instant(seen.joined_at),
        "roles": sorted(seen.roles or ()),
    }


def _differences(before: GuildMember, seen: Sighting, changes: Sequence[GuildChange]) -> Iterator[FoundDifference]:
    """One for the stay, one for each role."""
    kind = Difference.UNKNOWN if not before.known else Difference.MISSED if seen.present else Difference.OURS_ONLY
    fields: dict[str, list[LogEntry]] = {}
    for change in changes:
        fields.setdefault(f"role {change.role}" if change.role else "member", []).append(entry_of_change(change))
    for field, entries in fields.items():
        role = field.removeprefix("role ")
        ours, theirs = (
            (_stay(before.present, before.joined_at), _stay(seen.present, seen.joined_at))
            if field == "member"
            else ("held" if role in before.roles else None, "held" if role in (seen.roles or ()) else None)
        )
        yield FoundDifference(kind, field, ours, theirs, tuple(entries))


def _stay(present: bool, joined_at: datetime | None) -> str | None:
    if not present:
        return None
    return "present" if joined_at is None else f"since {joined_at:%Y-%m-%d %H:%M:%S}"


def _role_difference(known: GuildRole | None, role: GuildRole, entry: LogEntry) -> FoundDifference:
    gone = role.deleted_at is not None
    kind = Difference.OURS_ONLY if gone else Difference.UNKNOWN if known is None else Difference.MISSED
    return FoundDifference(
        kind, f"role {role.role}", None if known is None else known.name, None if gone else role.name, (entry,)
    )


def _was_heard_since(member: GuildMember, moment: datetime) -> bool:
    """A frame tells more than a row that may be older."""
    return member.seen_at is not None and member.seen_at >= moment
