"""Roles come into being, change their names and go, which is what the directory of names is fed by."""

from collections.abc import Iterator

from temple_ledger.infrastructure.demo.clock import SECOND, Moment, after
from temple_ledger.infrastructure.demo.event_writer import EventWriter, WrittenEvent
from temple_ledger.infrastructure.demo.guild import DemoGuild, DemoRole
from temple_ledger.infrastructure.demo.population import DemoMember, Population
from temple_ledger.infrastructure.demo.randomness import Chance

RENAMED = {"Herald": "Harbinger", "Lantern": "Lamplighter", "Pilgrim": "Traveller"}


class Directory:
    def __init__(self, chance: Chance, pen: EventWriter, guild: DemoGuild, people: Population) -> None:
        self._chance = chance
        self._pen = pen
        self._guild = guild
        self._people = people
        # Not the member of that id: what they do to the directory is no event of theirs.
        self._owner = DemoMember(people.owner.id)

    def founding(self, start: Moment) -> Iterator[WrittenEvent]:
        """Every role, some seconds apart. Integrations made some of them: no person did."""
        at = start
        for place, role in enumerate(self._guild.roles, start=1):
            at = after(at, self._chance.between(SECOND, 20 * SECOND))
            actor = DemoMember("guild") if place % 4 == 0 else self._owner
            yield self._pen.write(
                actor, at, "discord_role", "created", role.id, f'{{"name":"{role.name}","position":{place}}}'
            )

    def rename(self, name: str, at: Moment) -> list[WrittenEvent]:
        role = next(role for role in self._guild.roles if role.name == name)
        metadata = f'{{"name":"{RENAMED[name]}","old_name":"{name}"}}'
        return [self._pen.write(self._owner, at, "discord_role", "renamed", role.id, metadata)]

    def delete_rarest(self, at: Moment) -> list[WrittenEvent]:
        """Discord tells of the deletion only; that each holder lost the role is the translator's to say."""
        role = self._guild.handed_out[-1]
        self._guild.handed_out[:] = [other for other in self._guild.handed_out if other is not role]
        owner = self._owner
        entries = [
            self._pen.write(
                owner, at, "discord_role", "deleted", role.id, f'{{"name":"{role.name}","by":"{owner.id}"}}'
            )
        ]
        for holder in self._holders(role):
            at = Moment(max(after(at, 1000), holder.last + 1000))
            entries.append(self._end(role, holder, at))
        return entries

    def _holders(self, role: DemoRole) -> list[DemoMember]:
        return [member for member in self._people.known if member.roles & role.bit]

    def _end(self, role: DemoRole, holder: DemoMember, at: Moment) -> WrittenEvent:
        holder.roles &= ~role.bit
        metadata = f'{{"by":"{self._owner.id}","reason":"role deleted"}}'
        return self._pen.write(holder, at, "discord_role_change", "removed", role.id, metadata)
