"""What an author calls without a catalogue: it is then the installed one, with the events of every package."""

import warnings
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from temple_ledger.domain import log_entry
from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.event import Event
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.projections import registry


def entry_of_event(
    event: Event,
    *,
    event_id: UUID,
    notes: Mapping[str, Any] | None = None,
    catalogue: Catalogue | None = None,
) -> LogEntry:
    """The row that stores *event*; *notes* are further keys of its metadata, which no fold reads.

    Raises EventMisdeclared for a class that names no type and is in no catalogue; InvalidEvent for notes or values
    that the log does not accept, or that would not read back equal.
    """
    return log_entry.entry_of_event(event, event_id=event_id, notes=notes, catalogue=catalogue_or_installed(catalogue))


def catalogue_or_installed(catalogue: Catalogue | None) -> Catalogue:
    """The one default of the public surface; everything below it requires a catalogue.

    Warns of a package that is missing in it: a class of that package is then "in no catalogue".
    """
    if catalogue is not None:
        return catalogue
    for failed in registry.not_loaded():
        warnings.warn(str(failed), RuntimeWarning, stacklevel=3)
    return registry.catalogue()
