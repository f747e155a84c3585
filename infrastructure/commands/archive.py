"""`temple archive`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.archive.extra import require_extra
from temple_ledger.infrastructure.archive.place import Place, place_at
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.member_rows import print_doubts
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural

archive_option: Callable[[Any], Any] = click.option(
    "--archive",
    "archive",
    metavar="PLACE",
    help="A folder, or a URL such as s3://bucket/ledger. [env: TEMPLE_ARCHIVE]",
)


@click.group("archive")
def command() -> None:
    """The settled log a second time, as Parquet files: a tenth of the room, for analysts, and to restore it from.

    It is no backup of a ledger: the inbox, what sources last said and both journals are not in it; temple db dump
    has them.
    """


@command.command()
@archive_option
@as_json
@click.pass_obj
def write(session: Session, archive: str | None, as_json: bool) -> int:
    """Add what has settled since to the archive, and merge files of one size.

    The first time it writes all of the log. Ended halfway it leaves a whole archive, and the same command goes on.
    What was erased in the ledger since is taken out of the files first.

    \b
    Examples:
      temple archive write --archive /srv/temple/archive
      TEMPLE_ARCHIVE=s3://our-bucket/ledger temple archive write
    \b
    Exit codes: 0 written, or nothing is new; 1 the archive is damaged, or a file cannot be written; 4 no
    database, or the place does not answer; 5 the place has another ledger's archive, or somebody else writes.
    """
    place = place_of(session, archive)
    from temple_ledger.infrastructure.archive.write import write as write_archive

    grace = timedelta(seconds=session.settings.archive_grace_seconds)
    with bar(session.progress, "writing", None, "events") as shown:
        written = write_archive(session.database, place, now=datetime.now(UTC), grace=grace, progress=shown.advance)
    if as_json:
        print_json(
            {
                "archive": place.address,
                "began": written.began,
                "added": written.events,
                "events": 0 if written.manifest is None else written.manifest.events,
                "upto": 0 if written.manifest is None else written.manifest.upto,
                "files": 0 if written.manifest is None else len(written.manifest.files),
                "merged": written.merged_files,
                "rewritten": written.rewritten_files,
                "head": written.head,
            }
        )
    elif written.manifest is None:
        print_line("the log is empty: there is nothing to archive")
    else:
        if written.began:
            session.note(f"{place.address} had no archive: this is the first one there")
        print_line(
            f"{plural(written.events, 'event')} added; the archive has {plural(written.manifest.events, 'event')} in "
            f"{plural(len(written.manifest.files), 'file')}, up to position {written.manifest.upto:,}"
        )
        if written.rewritten_files:
            print_line(f"{plural(written.rewritten_files, 'file')} written again without what was erased")
        print_line(f"head {written.head}")
    _note_doubts(session)
    if written.without_seals:
        session.note(
            "the seals are not in the archive: this login may not read their keys, and a restored ledger would begin "
            "a chain of its own; grant temple_seal to the login, and write again"
        )
    return ExitCode.OK


@command.command()
@archive_option
@click.option("--files-only", is_flag=True, help="Look at the files alone, where the ledger is out of reach.")
@click.option("--rows", is_flag=True, help="Also compare every row; slower.")
@click.option("--head", metavar="DIGEST", help="A head that was written down before: it has to be in the chain.")
@as_json
@click.pass_obj
def verify(session: Session, archive: str | None, files_only: bool, rows: bool, head: str | None, as_json: bool) -> int:
    """Check every byte of the archive, and compare it with the log: ranges, counts and content.

    \b
    Examples:
      temple archive verify
      temple archive verify --archive /mnt/copy --files-only
    \b
    Exit codes: 0 it is whole and agrees; 3 something is wrong, each in a sentence; 4 no database, or the
    place does not answer; 5 there is no archive.
    """
    if files_only and rows:
        raise click.UsageError("--files-only or --rows, not both: rows are compared with the log's")
    place = place_of(session, archive)
    from temple_ledger.infrastructure.archive.verify import verify_archive

    with bar(session.progress, "verifying", None, "events") as shown:
        report = verify_archive(
            place, None if files_only else session.database, rows=rows, known_head=head, progress=shown.advance
        )
    if as_json:
        print_json(
            {
                "archive": place.address,
                "ok": report.ok,
                "findings": report.findings,
                "left_over": report.left_over,
                "events": report.events,
                "files": report.files,
                "upto": report.upto,
                "head": report.head,
            }
        )
    else:
        for finding in report.findings:
            print_line(finding)
        compared = "whole" if files_only else "whole, and it agrees with the log"
        print_line(
            f"{plural(report.events, 'event')} in {plural(report.files, 'file')}, up to position {report.upto:,}: "
            + (compared if report.ok else plural(len(report.findings), "thing is wrong", "things are wrong"))
        )
        if report.left_over:
            session.note(
                f"{plural(len(report.left_over), 'file')} belong to no manifest, left by a write that was ended early; "
                "the next one removes them"
            )
    if not files_only:
        _note_doubts(session)
    return ExitCode.OK if report.ok else ExitCode.FOUND


@command.command()
@archive_option
@click.option(
    "--above",
    type=click.IntRange(min=0),
    default=0,
    metavar="POSITION",
    help="The greatest position that anybody outside has seen: the next event gets a greater one.",
)
@as_json
@click.pass_obj
def restore(session: Session, archive: str | None, above: int, as_json: bool) -> int:
    """Put the log of an archive into a new ledger: all of it, or nothing.

    Events have the positions, ids and times of recording that they had; what was skipped, retracted and erased is so
    again, and the seals are those of the archived ledger. Every group of rows is checked before it is sent. The tables
    are empty afterwards: replay fills them.

    \b
    Example:
      temple --home /srv/restored db start
      temple --home /srv/restored archive restore --archive /srv/temple/archive
      temple --home /srv/restored replay --apply
    \b
    Exit codes: 0 restored; 1 the archive is damaged; 4 no database, or the place does not answer; 5 the
    ledger has or had events, or there is no archive.
    """
    place = place_of(session, archive)
    from temple_ledger.infrastructure.archive.restore import restore_archive

    with bar(session.progress, "restoring", None, "events") as shown:
        restored = restore_archive(place, session.database, above=Position(above), progress=shown.advance)
    if as_json:
        print_json(
            {
                "events": restored.events,
                "upto": restored.upto,
                "next_above": restored.next_above,
                "sealed": restored.sealed,
            }
        )
        return ExitCode.OK
    print_line(f"{plural(restored.events, 'event')} restored, up to position {restored.upto:,}")
    print_line(f"the next event gets a position above {restored.next_above:,}")
    if restored.sealed:
        print_line(f"its seals reach position {restored.sealed:,}; to prove them: {session.command('seal verify')}")
    print_line(f"next: {session.command('replay --apply')}, then {session.command('verify --full')}")
    return ExitCode.OK


@command.command("list")
@archive_option
@click.option("--paths", is_flag=True, help="Only where the files are, a line each: what analysts read.")
@as_json
@click.pass_obj
def list_(session: Session, archive: str | None, paths: bool, as_json: bool) -> int:
    """The files of the archive, by position. Needs no ledger.

    \b
    Exit codes: 0 shown; 1 the archive is damaged; 4 the place does not answer; 5 there is no archive.
    """
    place = place_of(session, archive)
    from temple_ledger.infrastructure.archive.manifest import require

    manifest, head = require(place)
    if paths:
        for file in manifest.files:
            print_line(place.path_of(file.name))
        return ExitCode.OK
    rows = [
        {
            "first_position": file.after + 1,
            "last_position": file.upto,
            "events": file.events,
            "bytes": file.bytes,
            "path": place.path_of(file.name),
        }
        for file in manifest.files
    ]
    print_rows(rows, ["first_position", "last_position", "events", "bytes", "path"], as_json=as_json)
    if not as_json:
        size = sum(file.bytes for file in manifest.files)
        session.note(
            f"{plural(manifest.events, 'event')}, {size:,} bytes, written {manifest.written_at[:19]} UTC; head {head}"
        )
    return ExitCode.OK


@command.command("erase")
@archive_option
@as_json
@click.pass_obj
def erase_(session: Session, archive: str | None, as_json: bool) -> int:
    """Take what was erased in the ledger out of the archive too.

    temple member erase does it by itself where TEMPLE_ARCHIVE names the archive, and so does temple archive
    write. Files with an event of the person, or one that named them, are written again; the old ones are
    deleted at once. Where the place preserves old versions, delete those too.

    \b
    Exit codes: 0 done, or nothing to do; 1 the archive is damaged; 4 no database, or the place does not
    answer; 5 there is no archive, or it is another ledger's.
    """
    place = place_of(session, archive)
    rewritten = erase_in(session, place)
    if as_json:
        print_json({"archive": place.address, "rewritten": rewritten})
    else:
        print_line(f"{plural(rewritten, 'file')} written again" if rewritten else "nothing to do")
    return ExitCode.OK


def _note_doubts(session: Session) -> None:
    """An archive is the log as it stands, and agrees with a changed one."""
    with snapshot(session.database) as connection:
        print_doubts(session, connection)


def place_of(session: Session, archive: str | None) -> Place:
    """Raises ExtraMissing, UsageError where none is named, ArchiveUnavailable."""
    require_extra("archive")
    address = archive or session.settings.archive
    if address is None:
        raise click.UsageError("no archive is named; give one with --archive PLACE, or set TEMPLE_ARCHIVE")
    return place_at(address)


def erase_in(session: Session, place: Place) -> int:
    """How many files were written again."""
    from temple_ledger.infrastructure.archive.erase import erase_from_archive

    return erase_from_archive(session.database, place, now=datetime.now(UTC))
