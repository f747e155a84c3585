"""An old version dropped: its tables, and what is stored of it, but for the journal of its batches."""

from collections.abc import Container
from typing import Any

import psycopg

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.dropping import drop_tables
from temple_ledger.infrastructure.database.rollups import drop_rollup, stored_rollups
from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.operations import record
from temple_ledger.infrastructure.read_models.runner.lease import somebody_leads
from temple_ledger.infrastructure.read_models.versions.stored import StoredVersion, StoredVersions, stored_versions
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.placing import own_name, shadow_name

LOCK_WAITS = "5s"


def plan_drop(versions: StoredVersions, key: ProjectionKey, installed: Container[str]) -> StoredVersion:
    """*installed* are the projections whose code is here, by name.

    Raises UnknownName, and Refused for the version that readers see, but for the only one of a projection that is not
    installed any more: that is how a projection is taken out of a ledger.
    """
    version = versions.of(key.version)
    others = [str(each.key.version) for each in versions.versions if not each.active]
    if version.active and others:
        way = f"first run: temple projection switch {key.name} --to {others[-1]}"
        raise Refused(f"readers see version {key.version} of {key.name}; {way}")
    if version.active and key.name in installed:
        raise Refused(f"readers see version {key.version} of {key.name}, which is installed here; first uninstall it")
    return version


def drop(
    database: Database, key: ProjectionKey, *, by: str, reason: str | None = None, installed: Container[str] = ()
) -> int:
    """The number of the entry in the operations journal. Raises UnknownName, Refused; then nothing was dropped."""
    with (
        database.connect(DatabaseRole.OWNER, application="temple drop") as connection,
        connection.transaction(),
    ):
        set_for_transaction(connection, "lock_timeout", LOCK_WAITS)
        try:
            version = plan_drop(stored_versions(connection, key.name, lock=True), key, installed)
            if version.active and somebody_leads(connection, key):
                raise Refused(f"a runner is at work on {key}: stop what still carries its code")
            for rollup in stored_rollups(connection, *key):
                drop_rollup(connection, rollup)
            tables = _of_it_alone(connection, version)
            drop_tables(connection, [name if version.active else own_name(name, key.version) for name in tables])
            drop_tables(connection, [shadow_name(name, key.version) for name in tables])
        except psycopg.errors.DependentObjectsStillExist as error:
            detail = (error.diag.message_detail or error.diag.message_primary or "something").splitlines()[0]
            raise Refused(f"nothing was dropped: {detail}; drop that first") from error
        except psycopg.errors.LockNotAvailable as error:
            raise Refused("nothing was dropped: somebody holds its tables or its checkpoint; try again") from error
        connection.execute(statement("version_forget"), key.parameters)
        details = {"version": key.version, "position": version.position, "tables": tables}
        return record(connection, "drop", key.name, by=by, reason=reason, details=details)


def _of_it_alone(connection: psycopg.Connection[Any], version: StoredVersion) -> list[str]:
    """Its tables, but for those that a projection under another name took over before that was refused."""
    values = {"projection": version.key.name, "tables": list(version.tables)}
    others = {name for name, _, _ in connection.execute(statement("tables_of_others"), values)}
    return [name for name in version.tables if name not in others]
