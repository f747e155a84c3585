"""What a soak looks at, again and again: memory and descriptors of the processes, bytes a row, WAL."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from bench.site import rows

TABLES: Final = (
    "webhook_audit_log",
    "temple_member_status",
    "discord_user_current_roles",
    "projection_frontier",
    "inbox",
)
"""Each is judged by its bytes a row, and so are its indexes: it may grow with its rows, and not beyond."""

IN_PLACE: Final = ("projection_checkpoint", "projection_lease", "inbox_source", "discord_feed")
"""Tables of a few rows that are written all the time: judged by their bytes."""

SIZES: Final = (
    "select pg_relation_size('{0}')::float8, pg_indexes_size('{0}')::float8, (select count(*) from {0})::float8,"
    " (select n_dead_tup from pg_stat_user_tables where relname = '{0}')::float8"
)
SMALL: Final = "select sum(pg_total_relation_size(name::regclass))::float8 / 1024 from unnest(%s::text[]) as name"
WAL: Final = "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 / 1048576"
VACUUMS: Final = (
    "select autovacuum_count, n_ins_since_vacuum from pg_stat_user_tables where relname = 'webhook_audit_log'"
)


class Watched(NamedTuple):
    """*judged*: whether it must stay flat; the others are shown."""

    name: str
    unit: str
    judged: bool = True


def watched(processes: Mapping[str, int], dsn: str) -> Mapping[Watched, float]:
    """Everything as it is now. *processes*: pid by name. Raises OSError when one of them is gone."""
    found: dict[Watched, float] = {}
    for name, pid in processes.items():
        found[Watched(f"memory of the {name}", "MiB")] = memory_mebibytes(pid)
        found[Watched(f"descriptors of the {name}", "")] = descriptors(pid)
    for table in TABLES:
        heap, indexes, number, dead = rows(dsn, SIZES.format(table))[0]
        found[Watched(f"{table}", "bytes a row")] = heap / max(number, 1)
        found[Watched(f"indexes of {table}", "bytes a row")] = indexes / max(number, 1)
        found[Watched(f"rows of {table}", "", judged=False)] = number
        found[Watched(f"dead rows of {table}", "% of its rows", judged=False)] = 100 * dead / max(number, 1)
    found[Watched("tables of a few rows", "KiB")] = rows(dsn, SMALL, [list(IN_PLACE)])[0][0]
    found[Watched("WAL written so far", "MiB", judged=False)] = rows(dsn, WAL)[0][0]
    return found


def memory_mebibytes(pid: int) -> float:
    """The resident set."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def descriptors(pid: int) -> float:
    return float(len(list(Path(f"/proc/{pid}/fd").iterdir())))
