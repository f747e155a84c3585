"""Checks, as doctor and the set-up of a source print them."""

from typing import Final

from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome
from temple_ledger.infrastructure.terminal.printing import Styled, print_line

COLOURS: Final = {CheckOutcome.OK: "green", CheckOutcome.WARN: "yellow", CheckOutcome.FAIL: "red"}


def print_check(check: Check) -> None:
    """The outcome and what was found; what to do about it stands below."""
    outcome = Styled(f"{check.outcome.value:<4}", fg=COLOURS[check.outcome])
    print_line(outcome, f"  {check.check}: {check.found}")
    if check.advice is not None:
        print_line(f"      {check.advice}")
