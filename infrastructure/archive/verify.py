"""An archive against itself and against the ledger: each file by its bytes, its range, its count and its content."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from temple_ledger.domain.errors import ArchiveDamaged, Refused
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive import ledger, seals
from temple_ledger.infrastructure.archive.columns import SCHEMA
from temple_ledger.infrastructure.archive.journal import load_journal
from temple_ledger.infrastructure.archive.log_rows import pieces
from temple_ledger.infrastructure.archive.manifest import ArchivedFile, Manifest, chain, require
from temple_ledger.infrastructure.archive.parquet_file import FileReader
from temple_ledger.infrastructure.archive.place import Place
from temple_ledger.infrastructure.archive.unlisted import unlisted
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole

NAMED_POSITIONS: Final = 5

Progress = Callable[[int], None]
"""Called with how many more events were looked at."""


@dataclass
class ArchiveReport:
    """`findings` are sentences, one for each thing that is wrong; `left_over` files belong to no manifest, which harms
    nobody."""

    findings: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    head: str = ""
    files: int = 0
    events: int = 0
    upto: int = 0

    @property
    def ok(self) -> bool:
        return not self.findings

    @contextmanager
    def damage(self) -> Iterator[None]:
        """What the block finds, once."""
        try:
            yield
        except ArchiveDamaged as error:
            if str(error) not in self.findings:
                self.findings.append(str(error))


def verify_archive(
    place: Place,
    database: Database | None,
    *,
    rows: bool = False,
    known_head: str | None = None,
    progress: Progress = lambda events: None,
) -> ArchiveReport:
    """Every byte that the manifest names; with a *database*, also against its log, and with *rows* each row.

    *known_head* is the digest of a manifest that somebody outside has written down. Raises Refused where there is no
    archive, ArchiveUnavailable, DatabaseUnavailable.
    """
    report = ArchiveReport()
    manifest = _manifest(place, report, known_head)
    if manifest is None:
        return report
    report.left_over = unlisted(place, manifest)
    report.files, report.events, report.upto = len(manifest.files), manifest.events, manifest.upto
    for file in manifest.files:
        with report.damage():
            FileReader(place, file).check(progress)
    with report.damage():
        load_journal(place, manifest.journal)
    for part in manifest.seals:
        with report.damage():
            seals.check(place, part)
    if database is not None:
        _compare(place, manifest, database, report, rows=rows)
    return report


def _manifest(place: Place, report: ArchiveReport, known_head: str | None) -> Manifest | None:
    manifest, digests = None, dict[int, str]()
    with report.damage():
        manifest, report.head = require(place)
        digests.update(chain(place))
    if report.findings:
        return None
    if known_head is not None and known_head not in digests.values():
        report.findings.append(
            f"no manifest in {place.address} is {known_head}: it was cut back to an earlier one, or is another archive"
        )
    return manifest


def _compare(place: Place, manifest: Manifest, database: Database, report: ArchiveReport, *, rows: bool) -> None:
    with database.connect(DatabaseRole.READ, application="temple archive") as connection:
        try:
            ledger.require_same_ledger(connection, manifest, place.address)
        except Refused as error:
            report.findings.append(str(error))
            return
        if manifest.seal is not None and not ledger.is_on_chain(connection, manifest.seal):
            report.findings.append(
                f"{place.address} was written when seal {manifest.seal.partition(':')[0]} of the ledger was another "
                "one: the chain was changed since (see: temple seal verify), or this is a restored ledger with a chain "
                "of its own; then write the archive once"
            )
        missing = set(ledger.finished_erasures(connection)) - set(manifest.erasures)
        if missing:
            report.findings.append(
                f"{len(missing):,} erasures of the ledger are not in the archive; run: temple archive erase"
            )
        for file in manifest.files:
            events, content = ledger.digest(connection, file.after, file.upto)
            where = f"{place.path_of(file.name)} (positions {file.after + 1:,} to {file.upto:,})"
            if events != file.events:
                report.findings.append(f"{where} has {file.events:,} events, and the log {events:,}")
            elif content != int(file.content):
                report.findings.append(f"{where} has another content than the log")
            elif not rows:
                continue
            with report.damage():
                report.findings += _differing(place, file, database, where)


def _differing(place: Place, file: ArchivedFile, database: Database, where: str) -> Iterator[str]:
    """Which positions differ, as far as they are named. It holds the whole range of the file in memory, by id alone."""
    archived = pa.concat_tables([SCHEMA.empty_table(), *FileReader(place, file).tables()])
    archived = archived.drop_columns(["bucket"]).combine_chunks()
    archived = archived.take(pc.sort_indices(archived.column("id")))
    start = 0
    named: list[int] = []
    for logged in pieces(database, Position(file.after), Position(file.upto)):
        last = logged.column("id")[-1].as_py()
        part = archived.slice(start).filter(pc.less_equal(archived.slice(start).column("id"), last))
        start += part.num_rows
        if not part.equals(logged.combine_chunks()):
            named += _positions(part, logged)
    named += archived.slice(start).column("id").to_pylist()
    if named:
        listed = ", ".join(f"{position:,}" for position in named[:NAMED_POSITIONS])
        more = f" and {len(named) - NAMED_POSITIONS:,} more" if len(named) > NAMED_POSITIONS else ""
        yield f"{where} differs from the log at {listed}{more}"


def _positions(archived: pa.Table, logged: pa.Table) -> list[int]:
    ours = {row["id"]: row for row in archived.to_pylist()}
    theirs = {row["id"]: row for row in logged.to_pylist()}
    return sorted(each for each in {*ours, *theirs} if ours.get(each) != theirs.get(each))
