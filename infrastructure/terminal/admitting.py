"""What people allow who put events into the log: options of every verb that does."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from temple_ledger.infrastructure.log.admission import Admission, Allowed, read_role_names
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.registry import catalogue

Command = TypeVar("Command", bound=Callable[..., Any])


def admitting(command: Command) -> Command:
    for option in (
        click.option("--keep-names", is_flag=True, help="Store names and ids as they are written, and look none up."),
        click.option("--allow-future", is_flag=True, help="Accept times more than a day ahead."),
        click.option("--allow-unknown", is_flag=True, help="Accept kinds that look like a misspelt one."),
    ):
        command = option(command)
    return command


def allowed_by(flags: Mapping[str, bool]) -> Allowed:
    """The flags of `admitting`, as click gives them."""
    return Allowed(flags["allow_unknown"], flags["allow_future"], flags["keep_names"])


def admission_of(session: Session, allowed: Allowed) -> Admission:
    """With the names of the roles that the ledger has now."""
    with snapshot(session.database) as connection:
        return Admission(catalogue(), read_role_names(connection), allowed)
