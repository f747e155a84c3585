"""How long each statement takes, by the name of its file."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import psycopg
from prometheus_client import CollectorRegistry, Histogram
from psycopg.rows import TupleRow
from psycopg.sql import Composed

from temple_ledger.infrastructure.database.statements import statement, statement_names
from temple_ledger.infrastructure.observability.metrics.labels import OTHER

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
COMPOSED: Final = "rows"
"""Reading and writing the rows of projections, whose statements are composed and have no file."""


def timed_cursors(registry: CollectorRegistry) -> type[psycopg.Cursor[Any]]:
    """A class of cursors that observe what they execute."""
    durations = Histogram(
        "ledger_statement_duration_seconds",
        "Of the runner's statements, by the name of their file in sql/statements (rows: those that are composed)",
        ["statement"],
        buckets=SECONDS,
        registry=registry,
    )

    class TimedCursor(psycopg.Cursor[TupleRow]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> "TimedCursor":
            started = time.perf_counter()
            try:
                return super().execute(query, params, **options)
            finally:
                durations.labels(_name(query)).observe(time.perf_counter() - started)

    return TimedCursor


def _name(query: object) -> str:
    if isinstance(query, bytes):
        return _names().get(query, OTHER)
    return COMPOSED if isinstance(query, Composed) else OTHER


@cache
def _names() -> Mapping[bytes, str]:
    return {statement(name): name for name in statement_names()}
