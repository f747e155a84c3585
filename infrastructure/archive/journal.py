"""What belongs to the events and is no event: what was skipped, imported, retracted, erased and accepted."""

import json
from collections.abc import Mapping
from typing import Any, Final

from temple_ledger.infrastructure.archive.manifest import Journal, read_checked
from temple_ledger.infrastructure.archive.place import Place

RESTORED_BY: Final = {
    "skipped_position": "archive_restore_skipped_position",
    "log_import": "archive_restore_log_import",
    "log_import_range": "archive_restore_log_import_range",
    "log_retraction": "archive_restore_log_retraction",
    "retracted_range": "archive_restore_retracted_range",
    "erasure": "archive_restore_erasure",
    "erased_position": "archive_restore_erased_position",
    "ledger_operation": "archive_restore_ledger_operation",
}
"""Its tables and the statement for each, in the order in which one may refer to another."""


def load_journal(place: Place, journal: Journal) -> Mapping[str, Any]:
    """The rows of each table. Raises ArchiveDamaged."""
    rows: Mapping[str, Any] = json.loads(read_checked(place, journal.name, journal.sha256))
    return rows
