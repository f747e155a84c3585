"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum


class CheckOutcome(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """`advice` says what to do; None where nothing is to be done."""

    check: str
    outcome: CheckOutcome
    found: str
    advice: str | None = None


def ok(check: str, found: str) -> Check:
    return Check(check, CheckOutcome.OK, found)


def warn(check: str, found: str, advice: str) -> Check:
    return Check(check, CheckOutcome.WARN, found, advice)


def fail(check: str, found: str, advice: str) -> Check:
    return Check(check, CheckOutcome.FAIL, found, advice)
