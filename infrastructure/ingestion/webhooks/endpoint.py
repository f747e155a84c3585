"""A door: one path of the receiver, and how what comes in through it is verified."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

HOOKS: Final = "/hooks"

Headers = Sequence[tuple[bytes, bytes]]
"""As they came, names in lower case; a name may be there twice."""


@dataclass(frozen=True)
class Endpoint:
    """`verified`: whether the body comes, at that time, from whom it should; `plausible`: whether it may, by the
    headers alone. `kind` names the trigger, which the signature may not cover."""

    source: str
    name: str
    verified: Callable[[Headers, bytes, datetime], bool]
    plausible: Callable[[Headers], bool]
    kind: Callable[[Headers], bytes]

    @property
    def path(self) -> str:
        return f"{HOOKS}/{self.source}/{self.name}"


def values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for given, value in headers if given == name]
