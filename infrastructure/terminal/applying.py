"""The one way to say "really".

A verb that sets rows or the log anew shows what it would do, and does it with --apply. On a terminal --apply asks
first; --yes skips the question, and off a terminal none is asked. A verb that is one named act, such as pause or
retry, acts at once.

A reason is needed where somebody singles out events, deliveries or members: repair, skip, ignore, retract, erase. It
may be given, and is not needed, where everything is treated alike, or one verb undoes another: replay, pause, resume,
trigger, reinstate.
"""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from temple_ledger.infrastructure.terminal.printing import is_terminal

Command = TypeVar("Command", bound=Callable[..., Any])


def apply_options(command: Command) -> Command:
    """`apply` and `yes` as keywords of the command."""
    command = click.option("--yes", is_flag=True, help="Do not ask, with --apply.")(command)
    return click.option("--apply", is_flag=True, help="Do it. Without it, only a preview is shown.")(command)


def require_apply(*, apply: bool, yes: bool) -> None:
    """Raises UsageError for a --yes that answers no question."""
    if yes and not apply:
        raise click.UsageError("--yes goes with --apply: without it nothing is changed, and nothing is asked")


def asks(*, yes: bool) -> bool:
    """Whether somebody is there to be asked, and wants to be."""
    return not yes and is_terminal(sys.stdin)


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether to go on, asked where there is a terminal. Raises Abort on Ctrl-C."""
    return not asks(yes=yes) or click.confirm(question, err=True)


def _stripped(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    return None if value is None else value.strip() or None


def _not_blank(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("write why", ctx, param)
    return value.strip()


optional_reason = click.option("--reason", metavar="TEXT", callback=_stripped, help="Why, for the operations journal.")
required_reason = click.option(
    "--reason", required=True, metavar="TEXT", callback=_not_blank, help="Why; it is stored with your name."
)
reason_to_apply = click.option(
    "--reason", metavar="TEXT", callback=_stripped, help="Why, for the operations journal; --apply needs it."
)


def require_reason(reason: str | None) -> str:
    """What `reason_to_apply` gave. Raises UsageError where it gave nothing."""
    if reason is None:
        raise click.UsageError("--apply needs --reason TEXT: it is recorded in the journal")
    return reason
