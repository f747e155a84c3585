"""`temple shop`: the verb of the shop."""

import click

from temple_ledger import DatabaseRole, Session
from temple_shop.orders import TABLE


@click.group("shop")
def command() -> None:
    """The shop's orders."""


@command.command()
@click.pass_obj
def install(session: Session) -> None:
    """Make the shop's table; once, as the owner of the database."""
    with session.database.connect(DatabaseRole.LOGIN) as connection:
        connection.execute(TABLE)
    session.note("the shop has its table")


@command.command()
@click.pass_obj
def orders(session: Session) -> None:
    """List the orders."""
    with session.database.connect(DatabaseRole.READ) as connection:
        for number, refunded in connection.execute("select number, refunded from shop_order order by number"):
            click.echo(f"{number}  {'refunded' if refunded else 'paid'}")
