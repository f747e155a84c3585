"""`temple feed`: who reads the changes of projections."""

from dataclasses import asdict
from typing import Any

import click

from temple_ledger.domain.errors import UnknownName
from temple_ledger.infrastructure.ledger.feed import forget_consumer
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.feed import Consumer, consumers
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows


@click.group("feed")
def command() -> None:
    """Who reads the changes of projections.

    Programs read them, by Ledger.changes. What nobody has read yet is stored, for a week at most.
    """


@command.command("list")
@as_json
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """Every consumer: how far it is, how much waits for it, and when it moved last.

    States: reading; beginning, it reads the rows of a snapshot first; behind, what it had not read was
    deleted, and it begins anew when it comes back.

    \b
    Example:
      temple feed list
    """
    with snapshot(session.reading) as connection:
        found = consumers(connection)
    if as_json:
        print_json([asdict(each) for each in found])
    elif not found:
        print_line("nobody reads the changes of a projection")
    else:
        columns = ("projection", "consumer", "state", "position", "waiting", "moved")
        print_rows([_row(each) for each in found], columns, as_json=False)


@command.command("forget")
@click.argument("projection")
@click.argument("consumer")
@click.pass_obj
def forget(session: Session, projection: str, consumer: str) -> int:
    """Store nothing for a consumer any more. If it comes back, it begins anew.

    \b
    Example:
      temple feed forget moderation old_bot
    """
    if not forget_consumer(session.database, projection, consumer):
        with snapshot(session.database) as connection:
            known = [each.consumer for each in consumers(connection) if each.projection == projection]
        raise UnknownName("consumer", consumer, tuple(known[:3]))
    print_line(f"{consumer} is forgotten")
    return ExitCode.OK


def _row(each: Consumer) -> dict[str, Any]:
    return {
        "projection": f"{each.projection}@{each.version}",
        "consumer": each.consumer,
        "state": each.state,
        "position": each.position,
        "waiting": each.waiting,
        "moved": f"{each.moved_at:%Y-%m-%d %H:%M:%S} UTC",
    }
