"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """`advice` says what to do; None where nothing is to be done."""

    check: str
    outcome: Outcome
    found: str
    advice: str | None = None


def ok(check: str, found: str) -> Finding:
    return Finding(check, Outcome.OK, found)


def warn(check: str, found: str, advice: str) -> Finding:
    return Finding(check, Outcome.WARN, found, advice)


def fail(check: str, found: str, advice: str) -> Finding:
    return Finding(check, Outcome.FAIL, found, advice)
