"""What happened to a member, concluded from one sighting of them: a calculation, without database and clock.

State is the truth, entries of the audit log are attribution. A sighting has the full state, so each difference from
what was recorded is a change. An entry for the same role and direction names who made it; each is used once.

Frames get lost, with a session or for no reason, and then the entries have more than the states: a role that was given
and taken away again left two of them and no difference. So an entry whose frame is overdue is taken for a change of its
own, as far as it fits: of each role, the longest alternating sequence of them that leads from the recorded state to
the one of the sighting. What fits nowhere had no effect (Discord does log changes that never came to be).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from temple_ledger.infrastructure.sources.discord.change import GuildChange, Kind, key_of_attribution
from temple_ledger.infrastructure.sources.discord.model import Attribution, FeedState, GuildMember, Sighting
from temple_ledger.infrastructure.sources.discord.snowflake import by_number

WINDOW: Final = timedelta(seconds=30)
"""Entry and frame of one change come within it, in either order."""

RESUMABLE: Final = timedelta(minutes=10)
"""No session is resumed after that, so no frame is later."""

CLOSED_AFTER: Final = timedelta(minutes=5)
"""Entries that a snapshot of everybody leaves without a place, and that are older, had no effect."""

SAME_STAY: Final = timedelta(seconds=2)
"""A frame that repeats a join may have a joined_at that is some hundred milliseconds later."""

SKEW: Final = timedelta(seconds=1)
"""Between Discord's clock, which entries have, and ours."""

TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Conclusion:
    """The member from now on, the changes in their order, and the entries that had no effect.

    `used` are explained changes' entries, which explain nothing else.
    """

    member: GuildMember
    changes: Sequence[GuildChange] = ()
    without_effect: Sequence[Attribution] = ()

    @property
    def used(self) -> list[tuple[Attribution, GuildChange]]:
        return [(change.by, change) for change in self.changes if change.by is not None]


def conclude(
    guild: str,
    member: GuildMember,
    sighting: Sighting,
    attributions: Iterable[Attribution] = (),
    *,
    feed: FeedState = FeedState(),  # noqa: B008 -- frozen
    deleted: Mapping[str, datetime] | None = None,
) -> Conclusion:
    """*attributions* are those of this member that nothing has used; *deleted* says when roles were deleted.

    @everyone has the guild's id, and nobody is given it: where it is listed or named all the same, it is no role.
    """
    if is_out_of_date(member, sighting) or is_of_a_guest(member, sighting):
        return Conclusion(_sighted(member, sighting))
    return _Inference(guild, member, sighting, attributions, feed, deleted or {}).run()


def is_out_of_date(member: GuildMember, sighting: Sighting) -> bool:
    """A frame about a stay that has ended since. A snapshot is never one: it is compared when it is taken."""
    if sighting.snapshot is not None or not sighting.present or not member.recorded:
        return False
    if not member.present:
        if sighting.joined_at is None:
            return not sighting.arrives
        began = member.joined_at + SAME_STAY if member.joined_at is not None else member.last_event_at
        return began is not None and sighting.joined_at <= began
    if sighting.joined_at is None or member.joined_at is None:
        return False
    return sighting.joined_at < member.joined_at - SAME_STAY


def alternating(held: bool, entries: Iterable[Attribution]) -> list[Attribution]:
    """The longest sequence of *entries* that turns the role on and off by turns, beginning with what is not so yet.

    Of several of one direction in a row the last one counts: Discord logs nothing where nothing was to change, so the
    ones before it came to nothing.
    """
    taken: list[Attribution] = []
    for entry in entries:
        adds = entry.direction == "add"
        if adds != held:
            taken.append(entry)
            held = adds
        elif taken:
            taken[-1] = entry
    return taken


def is_of_a_guest(member: GuildMember, sighting: Sighting) -> bool:
    """Whoever joined has a joined_at; guests of a voice channel have none, and REST does not list them.

    A member whose frame lacks it for another reason stays a member; that one became a guest, a snapshot shows.
    """
    return sighting.present and sighting.joined_at is None and (sighting.guest or not member.present)


def latest_frame(attribution: Attribution) -> datetime:
    """When the frame of it comes at the latest: of one that was only read back, nobody knows how late it is."""
    return attribution.came_at + (RESUMABLE if attribution.received_at is None else WINDOW)


def is_within_window(attribution: Attribution, received_at: datetime) -> bool:
    return attribution.came_at - WINDOW <= received_at <= latest_frame(attribution)


def _sighted(member: GuildMember, sighting: Sighting) -> GuildMember:
    if sighting.snapshot is not None:
        return member
    return replace(member, recorded=True, last_frame_at=max(sighting.at, member.last_frame_at or sighting.at))


def _observed(member: GuildMember, sighting: Sighting) -> datetime:
    return max(sighting.at, member.observed_at or sighting.at)


class _Inference:
    def __init__(
        self,
        guild: str,
        member: GuildMember,
        sighting: Sighting,
        attributions: Iterable[Attribution],
        feed: FeedState,
        deleted: Mapping[str, datetime],
    ) -> None:
        self._guild = guild
        self._member = member
        self._sighting = sighting
        found = sorted(attributions, key=lambda each: by_number(each.entry_id))
        self._open = [each for each in found if each.role != guild]
        self._of_everyone = [each for each in found if each.role == guild]
        self._feed = feed
        self._deleted = deleted
        self._changes: list[GuildChange] = []
        self._roles = member.roles
        self._last = member.last_event_at

    def run(self) -> Conclusion:
        member, sighting = self._member, self._sighting
        stay_is_new = sighting.present and not (member.present and self._is_same_stay())
        if (member.present and stay_is_new) or (not sighting.present and (member.present or not member.recorded)):
            self._stay_ends()
        if stay_is_new:
            self._stay_begins()
        joined_at = sighting.joined_at if stay_is_new else member.joined_at or sighting.joined_at
        if sighting.present and sighting.roles is not None:
            self._roles_are(sighting.roles - {self._guild, *self._deleted}, joined_at)
        repeated = None if stay_is_new or not sighting.present else self._repeated_join_at()
        after = replace(
            _sighted(member, sighting),
            recorded=True,
            present=sighting.present,
            joined_at=joined_at,
            roles=self._roles,
            last_event_at=self._last,
            observed_at=_observed(member, sighting),
            repeated_join_at=repeated,
        )
        return Conclusion(after, tuple(self._changes), (*self._of_everyone, *self._without_effect()))

    def _is_same_stay(self) -> bool:
        before, now = self._member.repeated_join_at or self._member.joined_at, self._sighting.joined_at
        return before is None or now is None or now <= before + SAME_STAY or self._is_repeated_join()

    def _is_repeated_join(self) -> bool:
        """Discord sends joins again, days later too. Whoever comes back has no role yet, so a join with all the roles
        of before is none."""
        before = self._member.roles - self._deleted.keys()
        return (
            self._member.present
            and self._sighting.arrives
            and bool(before)
            and before <= (self._sighting.roles or set())
        )

    def _repeated_join_at(self) -> datetime | None:
        if not self._is_repeated_join():
            return self._member.repeated_join_at
        return max(filter(None, (self._sighting.joined_at, self._member.repeated_join_at)), default=None)

    def _stay_ends(self) -> None:
        """Every entry about the stay had an effect: there is no state after it that could contradict."""
        member, sighting = self._member, self._sighting
        until = sighting.joined_at if sighting.present and sighting.joined_at is not None else sighting.at + SKEW
        entries = [
            each for each in self._of_stay(member.joined_at, until) if self._is_lost(each) and self._counts_alone(each)
        ]
        self._add(
            change
            for role in sorted(member.roles | {each.role for each in entries if each.role})
            for change in self._role_ended(role, [each for each in entries if each.role == role])
        )
        by = self._who_ended_it(until)
        at = sighting.at if not sighting.present else (sighting.joined_at or sighting.at) - TICK
        if by is not None and (self._is_lost(by) or sighting.snapshot is not None):
            at = min(by.at, at)
        self._add([GuildChange(member.user_id, "leave", at, self._leave_key(), by=by, notes=self._notes(how=True))])
        self._roles = frozenset()

    def _stay_begins(self) -> None:
        sighting = self._sighting
        at = sighting.at if sighting.joined_at is None else min(sighting.joined_at, sighting.at)
        self._add([GuildChange(self._member.user_id, "join", at, self._join_key(), notes=self._notes())])
        self._roles = frozenset()

    def _roles_are(self, wanted: frozenset[str], joined_at: datetime | None) -> None:
        entries = [each for each in self._of_stay(joined_at, self._sighting.at + SKEW) if each.direction != "leave"]
        by_role: dict[str, list[Attribution]] = {}
        for each in entries:
            by_role.setdefault(each.role, []).append(each)
        self._add(
            change
            for role in sorted(self._roles | wanted | by_role.keys())
            for change in self._changes_of_role(role, role in wanted, by_role.get(role, []))
        )
        self._roles = wanted

    def _changes_of_role(self, role: str, wanted: bool, entries: Sequence[Attribution]) -> list[GuildChange]:
        if role in self._deleted:
            return self._role_ended(role, [each for each in entries if self._counts_alone(each)])
        held = role in self._roles
        steps = alternating(held, [each for each in entries if self._counts_alone(each)])
        changes = [self._step(each) for each in steps]
        if (held if len(steps) % 2 == 0 else not held) == wanted:
            return changes
        direction: Kind = "add" if wanted else "remove"
        by = self._fresh(direction, entries)
        if by is not None:
            return [*changes, self._step(by)._replace(at=self._sighting.at)]
        if steps:
            return changes[:-1]
        key = f"{self._sighting.key}:{direction}:{role}"
        return [GuildChange(self._member.user_id, direction, self._sighting.at, key, role, notes=self._notes())]

    def _fresh(self, direction: Kind, entries: Sequence[Attribution]) -> Attribution | None:
        """Whose frame this is: rather of an entry that came with it than of one whose frame would be that late."""
        found = [
            each
            for each in entries
            if each.direction == direction and not self._is_overdue(each) and is_within_window(each, self._sighting.at)
        ]
        return min(found, key=lambda each: abs(self._sighting.at - each.came_at) > WINDOW, default=None)

    def _role_ended(self, role: str, entries: Sequence[Attribution]) -> list[GuildChange]:
        """By the end of the stay, which has no event of its own, or by the end of the role.

        No state shows the effect of the last entries, so only those count that are newer than the recorded state.
        """
        ends, since = self._deleted.get(role), self._member.observed_at
        entries = [each for each in entries if (ends is None or each.at < ends) and (since is None or each.at > since)]
        held = role in self._roles
        steps = alternating(held, entries)
        changes = [self._step(each) for each in steps]
        if ends is not None and (held if len(steps) % 2 == 0 else not held):
            changes.append(role_deleted(self._guild, self._member.user_id, role, ends))
        return changes

    def _step(self, by: Attribution) -> GuildChange:
        kind: Kind = "add" if by.direction == "add" else "remove"
        at = min(by.at, self._sighting.at)
        return GuildChange(self._member.user_id, kind, at, key_of_attribution(by), by.role, by=by, notes=self._notes())

    def _who_ended_it(self, until: datetime) -> Attribution | None:
        for each in self._of_stay(self._member.joined_at, until):
            if each.direction == "leave" and (
                self._is_lost(each) or self._sighting.snapshot is not None or is_within_window(each, self._sighting.at)
            ):
                return each
        return None

    def _of_stay(self, joined_at: datetime | None, until: datetime) -> list[Attribution]:
        """Where stays meet, an entry belongs to the one that used it first."""
        used = {change.by for change in self._changes}
        return [
            each
            for each in self._open
            if (joined_at is None or each.at >= joined_at - SAME_STAY) and each.at <= until and each not in used
        ]

    def _is_lost(self, each: Attribution) -> bool:
        """The frame was sent while nobody listened.

        What the gateway sent is compared by when it came, not by when it happened: after a RESUME both are far apart.
        """
        session, whole_since = self._feed
        if each.received_at is None:
            return whole_since is None or each.at < whole_since - SKEW
        return each.session != session or whole_since is None or each.received_at < whole_since

    def _is_overdue(self, each: Attribution) -> bool:
        if self._is_lost(each):
            return True
        if each.received_at is None and self._sighting.snapshot is None:
            # only read back: the gateway is about to send it, and its frame too, however late a RESUME makes them
            return False
        return self._sighting.at - each.came_at > WINDOW

    def _counts_alone(self, each: Attribution) -> bool:
        """Whether it counts as a change of its own: the frame of one that came late came long before it."""
        return self._is_overdue(each) and each.came_at - each.at <= WINDOW

    def _without_effect(self) -> Iterable[Attribution]:
        """What two sightings left without a place, a window apart: by the second one its fellows had come too."""
        before = self._member.last_frame_at
        if before is None or self._sighting.at - before <= WINDOW:
            return
        used = {(change.by.entry_id, change.by.direction, change.by.role) for change in self._changes if change.by}
        for each in self._open:
            if (each.entry_id, each.direction, each.role) not in used and before - each.came_at > WINDOW:
                yield each

    def _add(self, changes: Iterable[GuildChange]) -> None:
        """Later than all changes before; of one role, one after the other."""
        earliest = None if self._last is None else self._last + TICK
        next_of: dict[str, datetime] = {}
        added: list[GuildChange] = []
        for change in changes:
            floor = next_of.get(change.role, earliest)
            at = change.at if floor is None else max(change.at, floor)
            next_of[change.role] = at + TICK
            added.append(change._replace(at=at))
        added.sort(key=lambda change: change.at)
        self._changes += added
        if added:
            self._last = max(added[-1].at, self._last or added[-1].at)

    def _notes(self, *, how: bool = False) -> dict[str, str]:
        notes = {} if self._sighting.snapshot is None else {"reconciled": self._sighting.snapshot}
        if how and self._sighting.how is not None:
            notes["how"] = self._sighting.how
        return notes

    def _leave_key(self) -> str:
        sighting, joined_at = self._sighting, self._member.joined_at
        if sighting.snapshot is not None or joined_at is None:
            return f"{sighting.key}:leave"
        return f"leave:{self._guild}:{self._member.user_id}:{_second(joined_at)}"

    def _join_key(self) -> str:
        sighting, member = self._sighting, self._member
        again = member.last_event_at is not None and not member.present and self._is_same_stay()
        if sighting.joined_at is None or again:
            return f"{sighting.key}:join"
        return f"join:{self._guild}:{member.user_id}:{_second(sighting.joined_at)}"


def role_deleted(guild: str, user_id: str, role: str, at: datetime) -> GuildChange:
    """What the end of a role is for one who holds it."""
    return GuildChange(
        user_id, "remove", at, f"role_delete:{guild}:{role}:{user_id}", role, notes={"how": "role deleted"}
    )


def _second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
