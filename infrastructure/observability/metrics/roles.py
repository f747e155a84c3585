"""discord_user_role_count: how many members hold each role."""

from collections.abc import Iterator
from typing import Final

from prometheus_client.core import Metric

from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.observability.metrics.kept import Cached
from temple_ledger.infrastructure.observability.metrics.labels import OTHER
from temple_ledger.infrastructure.observability.metrics.ledger import Connection, gauge
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory

MOST_ROLES: Final = 250
"""A guild of Discord has no more."""

Held = list[tuple[str, int]]


class RoleCounts:
    def __init__(self, kept: Cached[tuple[Held, RoleDirectory]] | None = None, *, most: int = MOST_ROLES) -> None:
        self._kept = Cached() if kept is None else kept
        self._most = most

    def __call__(self, connection: Connection) -> Iterator[Metric]:
        held, directory = self._kept(lambda: self._ask(connection))
        family = gauge(
            "discord_user_role_count",
            "Members that hold a role, by its name; kept, and at most a minute or so old. `other`: beyond the "
            f"{MOST_ROLES} roles with most members",
            "role",
        )
        for role, number in held[: self._most]:
            family.add_metric([directory.label(role)], number)
        rest = sum(number for _, number in held[self._most :])
        if rest:
            family.add_metric([OTHER], rest)
        yield family

    def _ask(self, connection: Connection) -> tuple[Held, RoleDirectory]:
        held = connection.execute(statement("metrics_roles")).fetchall()
        return [(role, number) for role, number in held], read_directory(connection)
