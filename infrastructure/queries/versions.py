"""Which versions of a projection a name means."""

from collections.abc import Iterable, Mapping, Sequence

from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.projections.checkpoint import Checkpoint
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.processor import Projection
from temple_ledger.projections.registry import versions_named


def active_version(checkpoints: Mapping[ProjectionKey, Checkpoint], name: str) -> int | None:
    """The version whose rows readers see; None where the ledger has nothing of the projection."""
    return next((each.version for each in checkpoints.values() if each.active and each.projection == name), None)


def checkpoint_named(checkpoints: Mapping[ProjectionKey, Checkpoint], text: str) -> Checkpoint | None:
    """NAME is the version that readers see, NAME@VERSION is that one."""
    return next((each for each in checkpoints.values() if text in (str(each.key), each.label)), None)


def projection_named(connection: Connection, text: str) -> Projection:
    """NAME is the version that readers see, or the highest where this process does not carry that one.

    Raises UnknownName, and ProjectionMisdeclared for what cannot be loaded.
    """
    highest, *lower = versions_named(text)
    active = active_version(read_checkpoints(connection), highest.name)
    return next((each for each in lower if each.version == active), highest) if "@" not in text else highest


def in_ledger(connection: Connection, projections: Iterable[Projection]) -> list[Projection]:
    """Those whose version the ledger has. Of a projection that it has no version of, all stay: whoever works with
    them says what is missing."""
    checkpoints = read_checkpoints(connection)
    names = {key.name for key in checkpoints}
    return [each for each in projections if each.key in checkpoints or each.name not in names]


def chosen_projections(connection: Connection, texts: Sequence[str], carried: Sequence[Projection]) -> list[Projection]:
    """Those named, each once, or all that are carried; NAME is every version of it that the ledger has.

    Raises UnknownName, and ProjectionMisdeclared for what cannot be loaded.
    """
    chosen: dict[ProjectionKey, Projection] = {}
    for text in texts:
        found = versions_named(text)
        chosen |= {each.key: each for each in (found if "@" in text else _of_name(connection, found))}
    return list(chosen.values()) if texts else in_ledger(connection, carried)


def _of_name(connection: Connection, found: Sequence[Projection]) -> list[Projection]:
    return in_ledger(connection, found) or list(found)
