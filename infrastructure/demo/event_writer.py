"""How an event is written down: one JSON object, keys in the order of the log's columns."""

from typing import NamedTuple

from temple_ledger.infrastructure.demo.clock import Moment, iso
from temple_ledger.infrastructure.demo.population import DemoMember
from temple_ledger.infrastructure.demo.randomness import Chance


class WrittenEvent(NamedTuple):
    at: Moment
    user_id: str
    line: str


class EventWriter:
    def __init__(self, chance: Chance) -> None:
        self._bits = chance.bits

    def write(
        self,
        member: DemoMember,
        at: Moment,
        event_type: str,
        action: str,
        target: str | None = None,
        metadata: str = "null",
        source: str = "discord",
    ) -> WrittenEvent:
        """*metadata* is JSON already; nothing in the other fields needs escaping, by their making.

        A json.dumps for each event would halve the speed.
        """
        member.last = at
        aim = "null" if target is None else f'"{target}"'
        return WrittenEvent(
            at,
            member.id,
            f'{{"event_id":"{self._uuid()}","timestamp":"{iso(at)}","event_type":"{event_type}",'
            f'"user_id":"{member.id}","action":"{action}","target":{aim},"metadata":{metadata},'
            f'"source":"{source}"}}',
        )

    def _uuid(self) -> str:
        bits = self._bits(128)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[bits & 3]}{text[17:20]}-{text[20:]}"
