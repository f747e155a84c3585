"""Where all installed sources refer to persons, put together for an erasure."""

from collections.abc import Sequence
from typing import Any

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.processes.sources import personal_data
from temple_ledger.infrastructure.read_models.erasure.person import CORE_COLUMNS, PersonalTables


def personal_tables() -> PersonalTables:
    """Raises Refused where a source cannot say it: what it stores of the person would stay."""
    parts = personal_data()
    for error in parts.failed.values():
        raise Refused(f"{error}; what it stores of the person would stay, so nothing was erased")
    columns = {table: tuple(names) for table, names in CORE_COLUMNS.items()}
    for part in parts.made:
        for table, names in part.columns.items():
            columns[table] = (*columns.get(table, ()), *names)

    def ids_of(connection: psycopg.Connection[Any], ids: Sequence[str]) -> list[str]:
        return [each for part in parts.made for each in part.ids_of(connection, ids)]

    return PersonalTables(columns, [note for part in parts.made for note in part.notes], ids_of)
