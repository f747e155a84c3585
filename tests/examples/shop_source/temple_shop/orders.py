"""The shop's own table: which orders there are, for its verb, its line in status and its metric."""

from collections.abc import Iterator
from typing import Any

import psycopg
from prometheus_client.core import GaugeMetricFamily

from temple_ledger import Health, Trouble

TABLE = """
    create table if not exists shop_order (number text primary key, refunded boolean not null);
    grant select, insert, update on shop_order to temple_translate;
    grant select on shop_order to temple_read;
"""

Connection = psycopg.Connection[Any]


def save(connection: Connection, number: str, *, refunded: bool) -> None:
    """A refund that comes before its order stays a refund."""
    connection.execute(
        "insert into shop_order values (%s, %s) on conflict (number) "
        "do update set refunded = shop_order.refunded or excluded.refunded",
        (number, refunded),
    )


def shop_health(connection: Connection) -> Health:
    if not _is_installed(connection):
        return Health(troubles=[Trouble("the shop has no table yet", "temple shop install")])
    paid, refunded = counted(connection)
    return Health(lines=[f"{paid} orders paid, {refunded} refunded"], data={"paid": paid, "refunded": refunded})


def order_counts(connection: Connection) -> Iterator[GaugeMetricFamily]:
    orders = GaugeMetricFamily("ledger_shop_orders", "Orders of the shop", labels=["state"])
    if _is_installed(connection):
        for state, number in zip(("paid", "refunded"), counted(connection), strict=True):
            orders.add_metric([state], number)
    yield orders


def counted(connection: Connection) -> tuple[int, int]:
    """Paid, and refunded."""
    row = connection.execute(
        "select count(*) filter (where not refunded), count(*) filter (where refunded) from shop_order"
    ).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


def _is_installed(connection: Connection) -> bool:
    return connection.execute("select to_regclass('shop_order')").fetchone() != (None,)
