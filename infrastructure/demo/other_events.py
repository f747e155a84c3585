"""What moves no role and no tier: markings of inactivity, and events no version of the ledger knows yet."""

from temple_ledger.infrastructure.demo.clock import Moment, after
from temple_ledger.infrastructure.demo.event_writer import EventWriter, WrittenEvent
from temple_ledger.infrastructure.demo.population import Population
from temple_ledger.infrastructure.demo.randomness import Chance
from temple_ledger.infrastructure.demo.role_changes import RoleChanges
from temple_ledger.infrastructure.demo.snowflake import snowflake

UNKNOWN = (
    ("discord_message_pin", "pinned", True),
    ("discord_thread", "opened", True),
    ("discord_boost", "started", False),
    ("discord_timeout", "imposed", False),
)


class Asides:
    def __init__(self, chance: Chance, pen: EventWriter, people: Population, roles: RoleChanges) -> None:
        self._chance = chance
        self._pen = pen
        self._people = people
        self._roles = roles

    def marking(self, at: Moment) -> list[WrittenEvent]:
        """Some of those marked show up soon after, which undoes it."""
        member = self._people.quiet_one(at, days=14)
        if member is None:
            return []
        source = "system" if self._chance.likely(0.8) else "manual"
        marked = self._pen.write(member, at, "member_inactivity", "marked", None, '{"after_days":14}', source)
        if self._chance.likely(0.8):
            return [marked]
        return [marked, self._roles.one(member, after(at, self._chance.by_and_by()))]

    def unknown(self, at: Moment) -> list[WrittenEvent]:
        member = self._people.busy_one(at)
        if member is None:
            return []
        event_type, action, about_something = self._chance.pick(UNKNOWN)
        target = snowflake(at, self._chance) if about_something else None
        metadata = f'{{"channel":"{snowflake(at, self._chance)}"}}'
        return [self._pen.write(member, at, event_type, action, target, metadata)]
