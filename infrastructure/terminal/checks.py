"""Checks, as doctor and the set-up of a source print them."""

from typing import Final

import click

from temple_ledger.infrastructure.observability.doctor.finding import Check, CheckOutcome

COLOURS: Final = {CheckOutcome.OK: "green", CheckOutcome.WARN: "yellow", CheckOutcome.FAIL: "red"}


def print_check(check: Check) -> None:
    """The outcome and what was found; what to do about it stands below."""
    outcome = click.style(f"{check.outcome.value:<4}", fg=COLOURS[check.outcome])
    click.echo(f"{outcome}  {check.check}: {check.found}")
    if check.advice is not None:
        click.echo(f"      {check.advice}")
