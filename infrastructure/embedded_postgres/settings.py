"""What the server is told at each start: its settings, and who may connect.

The cluster's collation is C (see cluster.py), its times are UTC. Nothing that a statement says or answers
reaches the log: clients see their own errors, and log what may be logged of them.
"""

import os
from pathlib import Path

from temple_ledger.infrastructure.embedded_postgres.account import Account
from temple_ledger.infrastructure.embedded_postgres.place import PORT, Place

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only looked at
ENOUGH_SHARED_MEMORY = 256 * 1024 * 1024

FIXED: dict[str, str] = {
    "port": str(PORT),
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # A machine of two cores and a few gigabytes.
    "shared_buffers": "256MB",
    "huge_pages": "off",  # where a container forbids them, the server is killed instead of told
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "max_parallel_workers": "2",
    "max_parallel_workers_per_gather": "1",
    "max_parallel_maintenance_workers": "1",
    "jit": "off",
    "wal_level": "replica",  # so that pg_basebackup works
    "min_wal_size": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "track_functions": "pl",
    "track_io_timing": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log: one file, cut down at starts (see server_log.py).
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_min_messages": "warning",  # and for sessions only log and above (see cluster.py)
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
    "log_lock_waits": "on",
}

if hasattr(os, "posix_fadvise"):
    # A verify reads pages from all over the log: asked for together, they came three times as fast from a cold disk.
    # Where the system has no such call, PostgreSQL does not start with anything but 0.
    FIXED["effective_io_concurrency"] = "200"

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# The tests of the gap proof need prepared transactions; nobody else does, and one that is forgotten holds up readers.
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_prepared_transactions": "8"}
ENOUGH_TO_START = "64"


def write_settings(place: Place, account: Account, *, durable: bool) -> None:
    settings = FIXED | {"max_prepared_transactions": _prepared(place)} | (DURABLE if durable else THROW_AWAY)
    settings["cluster_name"] = place.mark
    settings["unix_socket_directories"] = f'"{place.sockets}"'  # the quotes keep a comma from dividing it
    settings["hba_file"] = str(place.access)
    settings["ident_file"] = str(place.names)
    settings["dynamic_shared_memory_type"] = _shared_memory_type()
    lines = (f"{name} = {_quoted(value)}" for name, value in settings.items())
    _write(place.settings, "\n".join(lines), account)
    _write(place.access, "local all all peer map=clients\nlocal replication all peer map=clients", account)
    _write(place.names, "\n".join(f'clients "{name}" all' for name in account.clients), account)


def _prepared(place: Place) -> str:
    """None may be made. Where one is left from before, the server would not start without a slot for it."""
    left = place.data / "pg_twophase"
    return ENOUGH_TO_START if left.is_dir() and any(left.iterdir()) else "0"


def _shared_memory_type() -> str:
    """Files in the data directory where /dev/shm is missing, closed, or as small as containers have it."""
    try:
        status = os.statvfs(SHARED_MEMORY)
    except OSError:
        return "mmap"
    roomy = status.f_frsize * status.f_blocks >= ENOUGH_SHARED_MEMORY
    return "posix" if roomy and os.access(SHARED_MEMORY, os.W_OK | os.X_OK) else "mmap"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _write(file: Path, text: str, account: Account) -> None:
    unfinished = file.with_suffix(".new")
    content = f"# Written by temple at each start. For settings of your own, use ALTER SYSTEM.\n{text}\n"
    unfinished.write_text(content, encoding="utf-8", errors="surrogateescape")
    os.chown(unfinished, -1, account.gid)
    unfinished.chmod(0o640)
    unfinished.replace(file)
