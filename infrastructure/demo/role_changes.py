"""Roles are given and taken: by the staff, by bots, by the members themselves, and by nobody knows whom."""

from collections.abc import Sequence

from temple_ledger.infrastructure.demo.clock import Moment, after
from temple_ledger.infrastructure.demo.event_writer import EventWriter, WrittenEvent
from temple_ledger.infrastructure.demo.guild import MEMBER, PATREON_BOT, STEWARD, DemoGuild, DemoRole
from temple_ledger.infrastructure.demo.population import DemoMember, Population
from temple_ledger.infrastructure.demo.randomness import Chance
from temple_ledger.infrastructure.demo.snowflake import snowflake

GIVEN_FOR = ("weekly quest", "season reward", "asked for in #roles", "appointed for a term", "level reached")
TAKEN_FOR = ("term is over", "season is over", "handed back in #roles", "voted by the council", "correction")
SCREENING, ONBOARDING, PLEDGE = ("screening passed",), ("chosen in onboarding",), ("pledge changed",)

BY_STAFF, BY_BOT, BY_THEMSELVES = 0.45, 0.75, 0.85
UNATTRIBUTED = ("null", "{}", '{"cause":"unknown"}', '{"found_by":"snapshot"}')


class RoleChanges:
    def __init__(self, chance: Chance, pen: EventWriter, guild: DemoGuild, people: Population) -> None:
        self._chance = chance
        self._pen = pen
        self._guild = guild
        self._people = people

    def some(self, at: Moment) -> list[WrittenEvent]:
        """One change, or a few of one member within some hours."""
        member = self._people.busy_one(at)
        if member is None:
            return [self._of_one_never_free(at)]
        changes = [self.one(member, at)]
        while len(changes) < 6 and self._chance.likely(0.4):
            at = after(at, self._chance.by_and_by())
            changes.append(self.one(member, at))
        return changes

    def one(self, member: DemoMember, at: Moment) -> WrittenEvent:
        """Mostly a change of what is; now and then a grant of a held role, or the removal of one not held."""
        role = self._chance.pick(self._guild.handed_out)
        held = bool(member.roles & role.bit)
        true_to_state = self._chance.likely(0.85 if held else 0.95)
        if held != true_to_state:
            return self._give(member, at, role, self._actor(member))
        return self._take(member, at, role, self._actor(member))

    def first(self, member: DemoMember, at: Moment) -> list[WrittenEvent]:
        """What a member who joined is given: nearly always the role of all members."""
        given: list[WrittenEvent] = []
        if self._chance.likely(0.94):
            at = after(at, self._chance.shortly())
            given.append(self._give(member, at, self._guild.roles[MEMBER], self._guild.bots[0], SCREENING))
        if self._people.is_staff(member):
            at = after(at, self._chance.shortly())
            given.append(self._give(member, at, self._guild.roles[STEWARD], self._people.owner.id))
        elif self._chance.likely(0.25):
            at = after(at, self._chance.by_and_by())
            given.append(self._give(member, at, self._chance.pick(self._guild.handed_out), member.id, ONBOARDING))
        return given

    def of_tier(
        self, member: DemoMember, at: Moment, before: DemoRole | None, now: DemoRole | None
    ) -> list[WrittenEvent]:
        """What Patreon's bot does about it some minutes later: one call for each role."""
        changes: list[WrittenEvent] = []
        if before is not now and before is not None and member.roles & before.bit:
            at = after(at, self._chance.shortly())
            changes.append(self._take(member, at, before, PATREON_BOT, PLEDGE))
        if now is not None and member.present and not member.roles & now.bit:
            at = after(at, self._chance.shortly())
            changes.append(self._give(member, at, now, PATREON_BOT, PLEDGE))
        return changes

    def return_of(self, member: DemoMember, at: Moment) -> WrittenEvent:
        """A role given to one who had left, without a join that anybody saw."""
        member.present = True
        return self._give(member, at, self._guild.roles[MEMBER], self._guild.bots[0], SCREENING)

    def _of_one_never_free(self, at: Moment) -> WrittenEvent:
        """In a guild of few members with many events all may be in the middle of something."""
        member = self._people.known[0]
        return self.one(member, Moment(max(at, member.last + 1000)))

    def _actor(self, member: DemoMember) -> str | None:
        draw = self._chance.draw()
        if draw < BY_STAFF:
            return self._chance.pick(self._people.staff).id
        if draw < BY_BOT:
            return self._chance.pick(self._guild.bots)
        return member.id if draw < BY_THEMSELVES else None

    def _give(
        self, member: DemoMember, at: Moment, role: DemoRole, by: str | None, reasons: Sequence[str] = GIVEN_FOR
    ) -> WrittenEvent:
        member.roles |= role.bit
        metadata = self._attribution("granted_by", by, at, reasons)
        return self._pen.write(member, at, "discord_role_change", "added", role.id, metadata)

    def _take(
        self, member: DemoMember, at: Moment, role: DemoRole, by: str | None, reasons: Sequence[str] = TAKEN_FOR
    ) -> WrittenEvent:
        member.roles &= ~role.bit
        metadata = self._attribution("by", by, at, reasons)
        return self._pen.write(member, at, "discord_role_change", "removed", role.id, metadata)

    def _attribution(self, key: str, by: str | None, at: Moment, reasons: Sequence[str]) -> str:
        if by is None:
            return self._chance.pick(UNATTRIBUTED)
        entry = f'"{key}":"{by}","audit_entry":"{snowflake(at, self._chance)}"'
        if self._chance.likely(0.5):
            return f"{{{entry}}}"
        return f'{{{entry},"reason":"{self._chance.pick(reasons)}"}}'
