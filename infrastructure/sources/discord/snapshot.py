"""Snapshots of the guild: everybody's state over REST, beside what was last observed.

Both sides come in the order of ids, a page at a time, so memory does not grow with the guild.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg

from temple_ledger.domain.catalogue import CATALOGUE
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
from temple_ledger.infrastructure.sources.discord.inference import CLOSED_AFTER, Conclusion, conclude, is_of_a_guest
from temple_ledger.infrastructure.sources.discord.model import GuildMember, Sighting
from temple_ledger.infrastructure.sources.discord.rest import PAGE, Rest
from temple_ledger.infrastructure.sources.discord.roles import GUILD, GuildRole, Renewed, renewed, role_of
from temple_ledger.infrastructure.sources.discord.snowflake import by_number
from temple_ledger.infrastructure.sources.discord.store import MemberRecord, Surroundings
from temple_ledger.infrastructure.sources.discord.translator import sighting_of

Connection = psycopg.Connection[Any]
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


async def take_snapshot(database: Database, rest: Rest, guild: str, *, clock: Clock = _now) -> UUID:
    """Stored with its findings; nothing else changes. What waits in the inbox has to be translated by then.

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
    count_accepted: bool = False,
    notifier: Notifier | None = None,
    chunk: int = 500,
) -> AppliedSnapshot:
    """What waits in the inbox has to be translated by then. Raises what `apply_snapshot` raises."""
    applied = apply_snapshot(
        database,
        DiscordSettling(),
        snapshot_id,
        by=by,
        catalogue=CATALOGUE,
        confirmed=confirmed,
        count_accepted=count_accepted,
        notifier=notifier,
        chunk=chunk,
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
                listed = _renewed_roles(connection, around.guild or "", roles, at, snapshot.id)
                observed.store_roles(connection, listed.roles)
                entries += listed.entries
                around = observed.surroundings(connection)
        sighting = {each.user_id: _sighting(each, snapshot) for each in findings if each.user_id != GUILD}
        concluded = [
            (recorded.member.recorded, _concluded(around, recorded, sighting[user_id]))
            for user_id, recorded in observed.stored_members(connection, list(sighting)).items()
            if not _has_frame_since(recorded.member, snapshot.started_at)
        ]
        at = snapshot.finished_at or snapshot.started_at
        observed.store_conclusions(connection, [each for recorded, each in concluded if recorded], received_at=at)
        observed.store_conclusions(connection, [each for recorded, each in concluded if not recorded])
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
            theirs = {snowflake(each, "user", "id"): self._sighting(each, at) for each in page}
        except UnreadableFrame as error:
            raise DiscordUnavailable(f"a page of members is not what Discord documents: {error}") from None
        # rows at a boundary may come twice
        new = {user_id: sighting for user_id, sighting in theirs.items() if by_number(user_id) > by_number(self._last)}
        if not new:
            raise DiscordUnavailable("the pages of members do not go on; try again")
        last = max(new, key=by_number)
        self._compare(sorted({*self._ours(self._last, last, None), *new}, key=by_number), new, at)
        self._members += sum(each.joined_at is not None for each in new.values())
        self._last = last
        return last

    def finish(self, counted: int) -> None:
        """Whoever comes after the last page is not there any more, if this is all there is."""
        after = self._last
        while ours := self._ours(after, None, PAGE):
            self._compare(ours, {}, self._clock())
            after = ours[-1]
        note = self._what_is_missing()
        self._taking.finish(
            self._clock(),
            members=self._members,
            known=self._known,
            complete=note is None,
            note=note,
            counted=counted or None,
        )

    def _what_is_missing(self) -> str | None:
        if not self._members:
            return "no members came"
        return "no roles came, and there were some" if self._no_roles else None

    def _sighting(self, member: Mapping[str, Any], at: datetime) -> Sighting:
        return sighting_of(member, at, _key(self.id, snowflake(member, "user", "id")), snapshot=str(self.id))

    def _absence(self, user_id: str, at: datetime) -> Sighting:
        return Sighting(at, _key(self.id, user_id), present=False, snapshot=str(self.id))

    def _ours(self, after: str, upto: str | None, limit: int | None) -> list[str]:
        rows = self._connection.execute(
            statement("discord_present_between"), {"after": after, "upto": upto, "limit": limit}
        )
        return [row[0] for row in rows]

    def _compare(self, user_ids: Sequence[str], sighting: Mapping[str, Sighting], at: datetime) -> None:
        for start in range(0, len(user_ids), PAGE):
            some = user_ids[start : start + PAGE]
            recorded = observed.stored_members(self._connection, some)
            self._taking.keep(
                list(self._findings([(recorded[each], sighting.get(each) or self._absence(each, at)) for each in some]))
            )

    def _findings(self, pairs: Sequence[tuple[MemberRecord, Sighting]]) -> Iterator[Finding]:
        for recorded, sighting in pairs:
            before, sighting = recorded.member, sighting
            if is_of_a_guest(before, sighting):
                if not before.present:
                    continue
                sighting = self._absence(before.user_id, sighting.at)
            observed_before = (before.present, before.roles, before.joined_at)
            if observed_before == (sighting.present, sighting.roles, sighting.joined_at) and not recorded.attributions:
                continue
            changes = _concluded(self._around, recorded, sighting).changes
            if changes:
                yield Finding(
                    before.user_id,
                    _as_json(sighting),
                    tuple(_differences(before, sighting, changes)),
                    self._loses(before, sighting),
                )

    def _loses(self, before: GuildMember, sighting: Sighting) -> bool:
        """Whoever has no joined_at was a guest, once taken for a member: that one leaving puts nothing at risk."""
        joined = before.present and before.joined_at is not None
        return joined and (not sighting.present or not before.roles - self._deleted_before <= (sighting.roles or set()))

    def _compare_roles(self, guild: str, roles: Sequence[Mapping[str, Any]], at: datetime) -> Mapping[str, datetime]:
        """Roles that are not there any more, and since when."""
        try:
            listed = [role_of(each) for each in roles]
        except UnreadableFrame as error:
            raise DiscordUnavailable(f"the list of roles is not what Discord documents: {error}") from None
        recorded = observed.stored_roles(self._connection)
        found = _renewed_roles(self._connection, guild, listed, at, self.id)
        if found.roles:
            differences = [
                _role_difference(recorded.get(role.role), role, entry)
                for role, entry in zip(found.roles, found.entries, strict=True)
            ]
            stored = {"at": format_instant(at), "roles": [{"id": role.role, "name": role.name} for role in listed]}
            self._taking.keep([Finding(GUILD, stored, differences)])
        return {role.role: role.deleted_at for role in found.roles if role.deleted_at is not None}


def _concluded(around: Surroundings, recorded: MemberRecord, sighting: Sighting) -> Conclusion:
    return conclude(
        around.guild or "", recorded.member, sighting, recorded.attributions, feed=around.feed, deleted=around.deleted
    )


def _renewed_roles(
    connection: Connection, guild: str, listed: Sequence[GuildRole], at: datetime, snapshot_id: UUID
) -> Renewed:
    """The list is all of them: what is not in it was deleted, when and by whom an entry may say."""
    recorded = observed.stored_roles(connection)
    notes = {"reconciled": str(snapshot_id)}
    found = renewed(guild, recorded, listed, at=at, key=f"reconcile:{snapshot_id}", notes=notes)
    there = {role.role for role in listed}
    for role in recorded.values():
        if role.deleted_at is None and role.role not in there:
            by = observed.deletion_of(connection, role.role)
            found += directory.deleted(guild, role, role.role, at=at if by is None else by.at, by=by, notes=notes)
    return found


def _sighting(finding: Finding, snapshot: Snapshot) -> Sighting:
    key, snapshot_id = _key(snapshot.id, finding.user_id), str(snapshot.id)
    stored = finding.observed
    if stored is None:
        return Sighting(snapshot.finished_at or snapshot.started_at, key, present=False, snapshot=snapshot_id)
    return sighting_of(stored, parse_instant(stored["at"]), key, snapshot=snapshot_id)


def _key(snapshot_id: UUID, user_id: str) -> str:
    return f"reconcile:{snapshot_id}:{user_id}"


def _as_json(sighting: Sighting) -> Mapping[str, Any] | None:
    if not sighting.present:
        return None
    return {
        "at": format_instant(sighting.at),
        "joined_at": None if sighting.joined_at is None else format_instant(sighting.joined_at),
        "roles": sorted(sighting.roles or ()),
    }


def _differences(before: GuildMember, sighting: Sighting, changes: Sequence[GuildChange]) -> Iterator[FoundDifference]:
    """One for the stay, one for each role."""
    kind = (
        Difference.UNKNOWN if not before.recorded else Difference.MISSED if sighting.present else Difference.OURS_ONLY
    )
    fields: dict[str, list[LogEntry]] = {}
    for change in changes:
        fields.setdefault(f"role {change.role}" if change.role else "member", []).append(entry_of_change(change))
    for field, entries in fields.items():
        role = field.removeprefix("role ")
        ours, theirs = (
            (_stay(before.present, before.joined_at), _stay(sighting.present, sighting.joined_at))
            if field == "member"
            else ("held" if role in before.roles else None, "held" if role in (sighting.roles or ()) else None)
        )
        yield FoundDifference(kind, field, ours, theirs, tuple(entries))


def _stay(present: bool, joined_at: datetime | None) -> str | None:
    if not present:
        return None
    return "present" if joined_at is None else f"since {joined_at:%Y-%m-%d %H:%M:%S} UTC"


def _role_difference(recorded: GuildRole | None, role: GuildRole, entry: LogEntry) -> FoundDifference:
    gone = role.deleted_at is not None
    kind = Difference.OURS_ONLY if gone else Difference.UNKNOWN if recorded is None else Difference.MISSED
    return FoundDifference(
        kind, f"role {role.role}", None if recorded is None else recorded.name, None if gone else role.name, (entry,)
    )


def _has_frame_since(member: GuildMember, moment: datetime) -> bool:
    """A frame is newer than a row that may be older."""
    return member.last_frame_at is not None and member.last_frame_at >= moment
