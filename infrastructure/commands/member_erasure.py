"""`temple member erase`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import psycopg

from temple_ledger.domain.errors import LedgerError, Refused, UnknownName
from temple_ledger.infrastructure.commands.archive import erase_in, place_of
from temple_ledger.infrastructure.processes.personal_files import REJECTS, erase_from_files
from temple_ledger.infrastructure.processes.personal_tables import personal_tables
from temple_ledger.infrastructure.read_models.erasure.erase import Erased, erase
from temple_ledger.infrastructure.read_models.erasure.person import PersonalTables
from temple_ledger.infrastructure.read_models.erasure.preview import ErasurePreview, preview_erasure
from temple_ledger.infrastructure.terminal.applying import (
    apply_options,
    confirmed,
    reason_to_apply,
    require_apply,
    require_reason,
)
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.file_arguments import FileToRead
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import listed, plural
from temple_ledger.projections.registry import carried, catalogue


@click.command("erase")
@click.argument("user_id", metavar="[ID]", required=False)
@reason_to_apply
@apply_options
@click.option(
    "--again",
    type=FileToRead(),
    metavar="FILE",
    help="Erase everybody on your own list, an id a line: after a restore.",
)
@as_json
@click.pass_obj
def erase_(
    session: Session,
    user_id: str | None,
    reason: str | None,
    apply: bool,
    yes: bool,
    again: Path | None,
    as_json: bool,
) -> int:
    """Forget a person: a random pseudonym takes the place of every id of theirs.

    Their events stay under it, so everybody else's history and all counts stay right. What was stored of
    their deliveries is emptied. Runners and appends go on meanwhile; ended halfway, run it again. It cannot
    be undone. An old file, a backfill or a restored backup brings the person back: see docs/privacy.md.

    \b
    Examples:
      temple member erase 1141786282152368982
      temple member erase 1141786282152368982 --reason "asked us to on 3 March" --apply
      temple member erase --again erased.txt --reason "restored the backup of 1 March" --apply
    \b
    Exit codes: 0 done, or shown; 1 nothing is there of that id, or you said no; 5 no person's id, or
    more about the person keeps arriving.
    """
    if (user_id is None) == (again is None):
        raise click.UsageError("name one id, or a file with --again FILE")
    require_apply(apply=apply, yes=yes)
    because = require_reason(reason) if apply else ""
    personal = personal_tables()
    found, missing = _previews(session, [user_id] if user_id is not None else _listed_in(again), personal, again)
    if not as_json or (apply and not yes):
        _print_previews(session, found, missing, to_stderr=as_json)
    done: list[Erased] = []
    if apply and found:
        if not confirmed("Erase them for good?", yes=yes):
            session.note("nothing was changed")
            return ExitCode.FAILED
        for each in found:
            done.append(_erase(session, each, personal, because))
            if not as_json:
                _print_erased(done[-1])
        _note_nicknames(session, found)
        _erase_from_files(session, found)
        _erase_from_archive(session)
    elif found and not as_json:
        session.note("nothing was changed; add --apply --reason TEXT to do it")
    if as_json:
        print_json([_data(each, done[place] if done else None) for place, each in enumerate(found)])
    if any(each.comes_back for each in done):
        raise Refused(
            "more about the person kept arriving while they were erased: first they have to leave, or the source has "
            "to be stopped; then run it again"
        )
    return ExitCode.OK


def _listed_in(file: Path | None) -> list[str]:
    """An id a line; empty lines and those that begin with # say nothing."""
    if file is None:
        return []
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is no text in UTF-8; write an id a line") from None
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def _previews(
    session: Session, ids: Sequence[str], personal: PersonalTables, again: Path | None
) -> tuple[list[ErasurePreview], int]:
    """Of those of whom there is anything, and how many there are nothing of. One that was named has to be there."""
    found: list[ErasurePreview] = []
    missing = 0
    for user_id in ids:
        if any(user_id in each.ids for each in found):
            continue
        try:
            found.append(preview_erasure(session.database, user_id, carried(), personal, catalogue=catalogue()))
        except UnknownName:
            if again is None:
                raise
            missing += 1
        except Refused as error:
            if again is None:
                raise
            raise Refused(f"{again}: {error}; nothing was erased") from error
    return found, missing


def _erase(session: Session, preview: ErasurePreview, personal: PersonalTables, reason: str) -> Erased:
    try:
        return erase(
            session.database,
            preview.ids,
            carried(),
            catalogue(),
            personal,
            by=session.operator,
            reason=reason,
        )
    except Refused:
        # before anything was begun
        raise
    except (LedgerError, psycopg.Error):
        session.note("not finished; what was done stays done, and the same command goes on")
        raise


def _note_nicknames(session: Session, found: Sequence[ErasurePreview]) -> None:
    """That file is the operator's own: it is not written."""
    file = session.names.file_with([user_id for each in found for user_id in each.ids])
    if file is not None:
        session.note(f"{file} still has a name for them: remove the lines of these ids there")


def _erase_from_files(session: Session, found: Sequence[ErasurePreview]) -> None:
    try:
        emptied = erase_from_files(session.settings.home, [user_id for each in found for user_id in each.ids])
    except OSError as error:
        raise Refused(
            f"erased in the ledger, and not in {error.filename}, which cannot be written ({error.strerror}): remove "
            "it, or run this again as its owner"
        ) from None
    if emptied:
        session.note(f"{plural(emptied, 'refused line')} of imports emptied in {session.settings.home / REJECTS}")


def _erase_from_archive(session: Session) -> None:
    """Where the settings name one. What fails here is raised: the ledger is done, and the sentence says the rest."""
    if session.settings.archive is None:
        session.note("if the log is archived somewhere, erase there too; run: temple archive erase --archive PLACE")
        return
    try:
        rewritten = erase_in(session, place_of(session, None))
    except (LedgerError, OSError):
        session.note("erased in the ledger, and not yet in the archive; run: temple archive erase")
        raise
    session.note(f"{plural(rewritten, 'file')} of the archive written again")


def _print_previews(session: Session, found: Sequence[ErasurePreview], missing: int, *, to_stderr: bool) -> None:
    for each in found:
        print_line(f"{listed(list(each.ids))}:", err=to_stderr)
        for sentence in _sentences(each):
            print_line(f"  {sentence}", err=to_stderr)
    if missing:
        print_line(f"{plural(missing, 'id')} of the list: nothing is here", err=to_stderr)


def _sentences(preview: ErasurePreview) -> list[str]:
    sentences = [
        f"{plural(preview.own, 'event')} about them, which stay under a pseudonym",
        f"{plural(preview.others, 'event')} of others in which they stand, as the actor for example",
        f"{plural(preview.deliveries, 'delivery', 'deliveries')} in which they stand, to be emptied",
    ]
    if preview.rows:
        sentences.append(f"{plural(preview.rows, 'row')} about them in tables of the sources, to be deleted")
    if preview.untranslated:
        sentences.append(f"{preview.untranslated:,} of these were not translated yet, and never will be")
    if preview.not_folded:
        sentences.append(f"not folded here: {listed(list(preview.not_folded))}; ids are replaced in its rows")
    if preview.not_reached:
        sentences.append(f"not reached, since temple_owner does not own them: {listed(list(preview.not_reached))}")
    if preview.resumed:
        sentences.append("this was begun before and not finished: it goes on")
    return sentences


def _print_erased(done: Erased) -> None:
    print_line(
        f"erased: {plural(done.events, 'event')}, {plural(done.deliveries, 'delivery', 'deliveries')}, "
        f"{plural(done.rows, 'other row')}; operation {done.operation} in the journal"
    )


def _data(preview: ErasurePreview, done: Erased | None) -> Mapping[str, Any]:
    return {
        "ids": list(preview.ids),
        "events": preview.own,
        "events_that_name_them": preview.others,
        "deliveries": preview.deliveries,
        "rows": preview.rows,
        "untranslated_deliveries": preview.untranslated,
        "resumed": preview.resumed,
        "not_folded_here": list(preview.not_folded),
        "not_reached": list(preview.not_reached),
        "applied": done is not None,
        "operation": None if done is None else done.operation,
    }
