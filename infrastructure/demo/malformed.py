"""Lines that an import has to refuse, each for one reason, made out of a line that it takes."""

import json
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Final
from uuid import UUID

from temple_ledger.infrastructure.demo.randomness import Chance

Event = dict[str, object]

LENGTHS: Final = {"event_type": 50, "user_id": 100, "action": 50, "target": 100, "source": 50}
"""Of the log's columns; what is longer is refused."""

REQUIRED: Final = ("timestamp", "event_type", "user_id", "action", "source")
DIGITS: Final = 5_000

NOT_JSON: Final = ("{", "not a line of ours", '{"event_id": }', "{'event_id': 'x'}", '{"event_id":"x"} {}')
NO_OBJECT: Final = ("[]", '["discord_join","joined"]', '"joined"', "42", "null", "true")
NO_OFFSET: Final = ("2024-05-01T12:00:00", "2024-05-01T12:00:00.000001", "2024-05-01 12:00:00.5")
NO_TIME: Final = ("2024-02-30T12:00:00+00:00", "0000-01-01T00:00:00+00:00", "294277-01-01T00:00:00+00:00")


def malformed_lines(rng: Random, count: int, genuine: str) -> Iterator[str]:
    """*count* lines, every kind in turn; one contradicts *genuine*, which has to be imported before."""
    chance = Chance(rng)
    for number in range(count):
        yield _bent(chance, number, genuine)


def sprinkled(rng: Random, lines: Iterable[str], *, count: int, among: int) -> Iterator[str]:
    """The *among* lines with *count* malformed ones spread evenly between them."""
    chance = Chance(rng)
    made = 0
    for number, line in enumerate(lines, start=1):
        yield line
        while made < count and number * count >= (made + 1) * among:
            yield _bent(chance, made, line)
            made += 1


def _bent(chance: Chance, number: int, genuine: str) -> str:
    event: Event = json.loads(genuine)
    bend = KINDS[number % len(KINDS)]
    if bend is not contradicting:
        event["event_id"] = str(UUID(int=chance.bits(128), version=4))
    return bend(chance, event)


def not_json(chance: Chance, event: Event) -> str:
    return chance.pick(NOT_JSON)


def no_object(chance: Chance, event: Event) -> str:
    return chance.pick(NO_OBJECT)


def field_missing(chance: Chance, event: Event) -> str:
    del event[chance.pick(REQUIRED)]
    return _json(event)


def field_empty(chance: Chance, event: Event) -> str:
    return _json(event | {chance.pick(REQUIRED): ""})


def role_event_without_target(chance: Chance, event: Event) -> str:
    return _json(event | {"event_type": "discord_role_change", "action": "added", "target": None})


def no_offset(chance: Chance, event: Event) -> str:
    return _json(event | {"timestamp": chance.pick(NO_OFFSET)})


def no_such_time(chance: Chance, event: Event) -> str:
    return _json(event | {"timestamp": chance.pick(NO_TIME)})


def nul_in_a_string(chance: Chance, event: Event) -> str:
    return _json(event | {"user_id": f"{event['user_id']}\0"})


def endless_integer(chance: Chance, event: Event) -> str:
    """As text: Python itself refuses to print an integer of that many digits."""
    return _json(event | {"metadata": {"amount_cents": "DIGITS"}}).replace('"DIGITS"', "9" * DIGITS)


def field_too_long(chance: Chance, event: Event) -> str:
    field = chance.pick(tuple(LENGTHS))
    return _json(event | {field: "x" * (LENGTHS[field] + 1)})


def contradicting(chance: Chance, event: Event) -> str:
    """The event_id of a line above, with another content."""
    return _json(event | {"metadata": {"contradicts": "the line above"}})


KINDS: Final[tuple[Callable[[Chance, Event], str], ...]] = (
    not_json,
    no_object,
    field_missing,
    field_empty,
    role_event_without_target,
    no_offset,
    no_such_time,
    nul_in_a_string,
    endless_integer,
    field_too_long,
    contradicting,
)


def _json(event: Event) -> str:
    return json.dumps(event, separators=(",", ":"))
