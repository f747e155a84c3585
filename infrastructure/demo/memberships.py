"""What is paid for on Patreon, by members of the guild and by patrons whose Discord account nobody knows."""

from temple_ledger.infrastructure.demo.clock import SECOND, Moment, after
from temple_ledger.infrastructure.demo.event_writer import EventWriter, WrittenEvent
from temple_ledger.infrastructure.demo.guild import DemoGuild, DemoRole
from temple_ledger.infrastructure.demo.population import DemoMember, Population
from temple_ledger.infrastructure.demo.randomness import Chance
from temple_ledger.infrastructure.demo.role_changes import RoleChanges

CHEAPEST_MOSTLY = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3)


class Memberships:
    def __init__(
        self, chance: Chance, pen: EventWriter, guild: DemoGuild, people: Population, roles: RoleChanges
    ) -> None:
        self._chance = chance
        self._pen = pen
        self._guild = guild
        self._people = people
        self._roles = roles
        self._linked: list[DemoMember] = []
        self._unlinked: list[DemoMember] = []

    def begin(self, at: Moment) -> list[WrittenEvent]:
        member = self._people.anyone(at)
        if member is None or member.patreon_id:
            return []
        return self._begin_as(member, self._people.patreon_id(), at)

    def begin_unlinked(self, at: Moment) -> list[WrittenEvent]:
        patreon_id = self._people.patreon_id()
        patron = DemoMember(f"patreon:{patreon_id}", patreon_id=patreon_id, present=False)
        self._unlinked.append(patron)
        return [self._start(patron, at)]

    def go_on(self, at: Moment) -> list[WrittenEvent]:
        """The next thing that happens to a membership of a member."""
        return self._next_of_one(self._linked, at)

    def go_on_unlinked(self, at: Moment) -> list[WrittenEvent]:
        return self._next_of_one(self._unlinked, at)

    def link(self, at: Moment) -> list[WrittenEvent]:
        """A patron turns out to be a member: ended as the one, started as the other."""
        patron = self._free_one(self._unlinked, at)
        member = self._people.anyone(at)
        if patron is None or not patron.pledged or member is None or member.patreon_id:
            return []
        self._unlinked.remove(patron)
        tier = patron.tier
        ended = self._end(patron, at)
        return [ended, *self._begin_as(member, patron.patreon_id, after(at, SECOND), tier)]

    def _begin_as(self, member: DemoMember, patreon_id: str, at: Moment, tier: int | None = None) -> list[WrittenEvent]:
        member.patreon_id = patreon_id
        self._linked.append(member)
        started = self._start(member, at, tier)
        return [started, *self._roles.of_tier(member, at, None, self._role(member))]

    def _next_of_one(self, patrons: list[DemoMember], at: Moment) -> list[WrittenEvent]:
        patron = self._free_one(patrons, at)
        if patron is None:
            return []
        before = self._role(patron)
        event = self._next(patron, at)
        return [event, *self._roles.of_tier(patron, at, before, self._role(patron))]

    def _next(self, patron: DemoMember, at: Moment) -> WrittenEvent:
        draw = self._chance.draw()
        if not patron.pledged:
            return self._start(patron, at)
        if patron.tier is None:
            return self._change(patron, at) if draw < 0.7 else self._end(patron, at)
        if draw < 0.45:
            return self._change(patron, at)
        return self._decline(patron, at) if draw < 0.75 else self._end(patron, at)

    def _start(self, patron: DemoMember, at: Moment, tier: int | None = None) -> WrittenEvent:
        patron.pledged = True
        patron.tier = self._chance.pick(CHEAPEST_MOSTLY) if tier is None else tier
        return self._write(patron, at, "started", "Paid")

    def _change(self, patron: DemoMember, at: Moment) -> WrittenEvent:
        """To another tier, or back to one after a decline."""
        tier = self._chance.pick(CHEAPEST_MOSTLY)
        patron.tier = (tier + 1) % len(self._guild.tiers) if tier == patron.tier else tier
        return self._write(patron, at, "changed", "Paid")

    def _decline(self, patron: DemoMember, at: Moment) -> WrittenEvent:
        """Access stays for a time of grace, or it ends at once: both are seen."""
        if self._chance.likely(0.5):
            patron.tier = None
        return self._write(patron, at, "declined", "Declined")

    def _end(self, patron: DemoMember, at: Moment) -> WrittenEvent:
        patron.pledged, patron.tier = False, None
        return self._write(patron, at, "ended", "Deleted")

    def _write(self, patron: DemoMember, at: Moment, action: str, charge: str) -> WrittenEvent:
        tier = None if patron.tier is None else self._guild.tiers[patron.tier]
        cents = 0 if tier is None else tier.amount_cents
        payment = f'"amount_cents":{cents},"last_charge_status":"{charge}"'
        metadata = f'{{"patreon_user_id":"{patron.patreon_id}",{payment}}}'
        name = None if tier is None else tier.name
        return self._pen.write(patron, at, "patreon_membership", action, name, metadata, "patreon")

    def _role(self, patron: DemoMember) -> DemoRole | None:
        return None if patron.tier is None else self._guild.tiers[patron.tier].role

    def _free_one(self, patrons: list[DemoMember], at: Moment) -> DemoMember | None:
        if not patrons:
            return None
        patron = self._chance.pick(patrons)
        return patron if patron.last < at else None
