"""How much is compared: everybody, or whom events have touched since the last time. `verify` and `reconcile` say it
with the same options; each has a default of its own."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from temple_ledger.infrastructure.read_models.verification.since_last import DEFAULT_BUDGET_SECONDS

Command = TypeVar("Command", bound=Callable[..., Any])


def scope_options(*, full: bool) -> Callable[[Command], Command]:
    """`full`, `since_last` and `budget` as keywords of the command; *full* is what it does without any of them."""
    by_default = ("  [default]", "") if full else ("", "  [default]")

    def add(command: Command) -> Command:
        for option in reversed(
            (
                click.option("--full", is_flag=True, help=f"Compare every member and every count.{by_default[0]}"),
                click.option(
                    "--since-last",
                    is_flag=True,
                    help=f"Compare members with events since the last time, and a share of the others.{by_default[1]}",
                ),
                click.option(
                    "--budget",
                    type=click.FloatRange(min=0),
                    metavar="SECONDS",
                    help=f"For the share of the others, with --since-last.  [default: {DEFAULT_BUDGET_SECONDS:.0f}]",
                ),
            )
        ):
            command = option(command)
        return command

    return add


def budget_seconds(*, full: bool, since_last: bool, budget: float | None, full_by_default: bool) -> float | None:
    """How long the share of the others may take; None compares everybody. Raises UsageError."""
    if full and since_last:
        raise click.UsageError("--full or --since-last, not both")
    everybody = full or (full_by_default and not since_last)
    if everybody and budget is not None:
        raise click.UsageError("--budget is about --since-last: a full verify compares everybody")
    if everybody:
        return None
    return DEFAULT_BUDGET_SECONDS if budget is None else budget
