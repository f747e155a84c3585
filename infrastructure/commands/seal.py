"""`temple seal`: the chain of hashes over the log."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.commands.seal_accept import accept
from temple_ledger.infrastructure.commands.seal_run import run
from temple_ledger.infrastructure.commands.seal_verify import verify
from temple_ledger.infrastructure.log.output_file import OutputFile, replaced
from temple_ledger.infrastructure.queries.consistent_read import Connection, snapshot
from temple_ledger.infrastructure.seals.export import exported_seals
from temple_ledger.infrastructure.seals.head import read_head
from temple_ledger.infrastructure.seals.head_file import head_line
from temple_ledger.infrastructure.seals.status import SealStatus, seal_status
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.file_arguments import DASH, FileToWrite
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields, print_json
from temple_ledger.infrastructure.terminal.text import plural

LINES: Final = 500


@click.group("seal")
def command() -> None:
    """Prove that the log is what it was: a chain of hashes over it, and over what is left out of it.

    Whoever can change the log can make its tables agree with the change; the chain shows it. Its end, the head,
    is noted outside the database, so that a log that was cut off or restored shows too.
    """


for each in (run, verify, accept):
    command.add_command(each)


@command.command("status")
@as_json
@click.pass_obj
def status(session: Session, as_json: bool) -> int:
    """How far the log is sealed and proven, and who seals.

    \b
    Example:
      temple seal status --json
    \b
    Exit codes: 0 all is well; 3 the latest proof found something.
    """
    with snapshot(session.reading) as connection:
        found = seal_status(connection)
    if as_json:
        print_json(asdict(found))
    else:
        print_fields(_fields(found), as_json=False)
    return ExitCode.FOUND if found.findings else ExitCode.OK


def _fields(found: SealStatus) -> dict[str, Any]:
    entries = plural(found.entries, "entry", "entries")
    taken_over = f", {found.taken_over:,} of them from before there were seals" if found.taken_over else ""
    proven = "never"
    if found.proven_at is not None:
        proven = f"up to position {found.proven_position}, at {found.proven_at:%Y-%m-%d %H:%M:%S} UTC"
    return {
        "log": found.sentence,
        "chain": f"{plural(found.ranges, 'range')}, {entries}{taken_over}",
        "sealed": found.sealed_at,
        "sealer": found.sealer or "none is at work; start one with: temple seal run",
        "proven": proven,
        "found": f"{plural(found.findings, 'problem')}; see: temple seal verify" if found.findings else "nothing",
    }


@command.command("head")
@as_json
@click.pass_obj
def head(session: Session, as_json: bool) -> None:
    """The end of the chain in one line: put it where nobody who can change the database can reach it.

    \b
    Example:
      temple seal head >> heads.jsonl
    \b
    Exit codes: 0 printed; 5 nothing is sealed yet.
    """
    with snapshot(session.reading) as connection:
        found = read_head(connection)
    if found is None:
        raise Refused("nothing is sealed yet, so there is no head; run: temple seal run")
    line = head_line(found)
    if as_json:
        print_json(json.loads(line))
    else:
        print_line(line)


@command.command("export")
@click.option(
    "-o", "--output", type=FileToWrite(stdout=True), default="-", metavar="FILE", help="Write here.  [default: stdout]"
)
@click.pass_obj
def export(session: Session, output: Path) -> None:
    """Write out the chain as JSON lines: all that its hashes are made of, and no key.

    \b
    Example:
      temple seal export -o chain.jsonl
    """
    with snapshot(session.reading) as connection:
        if str(output) == DASH:
            for line in _lines(connection):
                print_line(line)
            return
        with replaced(output) as file:
            written = _write(connection, file)
    session.note(f"{plural(written, 'seal')} written to {output}")


def _write(connection: Connection, file: OutputFile) -> int:
    written = 0
    for line in _lines(connection):
        file.write(f"{line}\n")
        written += 1
    return written


def _lines(connection: Connection) -> Iterator[str]:
    for each in exported_seals(connection, at_a_time=LINES):
        yield json.dumps({**each, "sealed_at": format_instant(each["sealed_at"])})
