"""Members join, sometimes twice within a blink; they leave or are made to; a few come back."""

from temple_ledger.infrastructure.demo.clock import HOUR, MINUTE, Moment, after
from temple_ledger.infrastructure.demo.event_writer import EventWriter, WrittenEvent
from temple_ledger.infrastructure.demo.population import DemoMember, Population
from temple_ledger.infrastructure.demo.randomness import Chance
from temple_ledger.infrastructure.demo.role_changes import RoleChanges
from temple_ledger.infrastructure.demo.snowflake import snowflake

NEW, REJOINED = '{"flags":0,"pending":true}', '{"flags":1,"pending":true}'
BURST = 400_000
"""Microseconds within which Discord repeats a join."""


class Comings:
    def __init__(self, chance: Chance, pen: EventWriter, people: Population, roles: RoleChanges) -> None:
        self._chance = chance
        self._pen = pen
        self._people = people
        self._roles = roles

    def newcomer(self, at: Moment) -> list[WrittenEvent]:
        member = self._people.newcomer(at)
        joins = self._joins(member, at, NEW)
        return joins + self._roles.first(member, joins[-1].at)

    def repeated_join(self, at: Moment) -> list[WrittenEvent]:
        """Of somebody who never left: Discord sends those too."""
        member = self._people.anyone(at)
        return [] if member is None else [self._join(member, at, NEW)]

    def leave(self, at: Moment) -> list[WrittenEvent]:
        member = self._people.anyone(at)
        if member is None:
            return []
        left = self._left(member, at)
        draw = self._chance.draw()
        if draw < 0.06:
            return [left, *self._back(member, after(at, self._chance.between(5 * MINUTE, 8 * HOUR)))]
        if draw < 0.30:
            self._people.coming_back.append(member)
        return [left]

    def rejoin(self, at: Moment) -> list[WrittenEvent]:
        member = self._people.departed_one(at)
        if member is None:
            return []
        if self._chance.likely(0.08):
            return [self._roles.return_of(member, at)]
        return self._back(member, at)

    def _back(self, member: DemoMember, at: Moment) -> list[WrittenEvent]:
        member.present = True
        joins = self._joins(member, at, REJOINED)
        return joins + self._roles.first(member, joins[-1].at)

    def _joins(self, member: DemoMember, at: Moment, metadata: str) -> list[WrittenEvent]:
        """One, or two or three of them, each with a slightly different time."""
        joins = [self._join(member, at, metadata)]
        if self._chance.likely(0.12):
            for _ in range(2 if self._chance.likely(0.3) else 1):
                at = after(at, self._chance.between(BURST // 20, BURST // 2))
                joins.append(self._join(member, at, metadata))
        return joins

    def _join(self, member: DemoMember, at: Moment, metadata: str) -> WrittenEvent:
        return self._pen.write(
            member, at, "discord_join", "joined", None, metadata if self._chance.likely(0.8) else "null"
        )

    def _left(self, member: DemoMember, at: Moment) -> WrittenEvent:
        member.present, member.roles = False, 0
        return self._pen.write(member, at, "discord_leave", "left", None, self._circumstances(at))

    def _circumstances(self, at: Moment) -> str:
        draw = self._chance.draw()
        if draw < 0.8:
            return "null"
        reason = "kick" if draw < 0.87 else "ban" if draw < 0.94 else "prune"
        by = self._chance.pick(self._people.staff).id
        return f'{{"reason":"{reason}","by":"{by}","audit_entry":"{snowflake(at, self._chance)}"}}'
