"""Files of a place that its newest manifest does not have: superseded ones, and what a killed writer left."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from temple_ledger.infrastructure.archive import parquet_file, seals
from temple_ledger.infrastructure.archive.manifest import Manifest
from temple_ledger.infrastructure.archive.next_manifest import JOURNALS, Archive
from temple_ledger.infrastructure.archive.place import Place

_OURS: Final = re.compile(
    rf"{parquet_file.FOLDER}/\d{{19}}-\d{{19}}-[0-9a-f]{{12}}[.](parquet|json)"
    rf"|({JOURNALS}|{seals.FOLDER})/\d{{19}}-[0-9a-f]{{12}}[.]json"
)


def remove_old(archive: Archive, before: datetime) -> None:
    """Superseded before then, for who was reading them is done; and what was never in a manifest: nobody reads it.

    For who alone may write.
    """
    manifest = archive.manifest
    if manifest is None:
        return
    late = [each for each in manifest.superseded if datetime.fromisoformat(each.since) > before]
    listed = {*manifest.names, *(name for each in late for name in (each.name, each.index))}
    for name in _names(archive.place):
        if name not in listed:
            archive.place.remove(name)
    archive.manifest = manifest.model_copy(update={"superseded": tuple(late)})


def unlisted(place: Place, manifest: Manifest) -> list[str]:
    """Neither in the manifest nor superseded by it."""
    superseded = {name for each in manifest.superseded for name in (each.name, each.index)}
    return sorted(set(_names(place)) - manifest.names - superseded)


def _names(place: Place) -> Iterator[str]:
    """Only those that are named as we name them: the folder may be somebody's."""
    for folder in (parquet_file.FOLDER, JOURNALS, seals.FOLDER):
        yield from (name for name in place.names(folder) if _OURS.fullmatch(name))
