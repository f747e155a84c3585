"""`temple seal verify`: the log against its seals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from temple_ledger.infrastructure.processes.sealing import head_file
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.seals.head import Head
from temple_ledger.infrastructure.seals.head_file import read_heads
from temple_ledger.infrastructure.seals.proof import Proof, prove
from temple_ledger.infrastructure.seals.status import seal_status
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.file_arguments import FileToRead
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.progress import bar
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json
from temple_ledger.infrastructure.terminal.text import plural

SHOWN: Final = 50
NEWEST_HEADS: Final = 10_000


@click.command("verify")
@click.option("--go-on", is_flag=True, help="Go on where an interrupted one stopped, in place of from the beginning.")
@click.option(
    "--budget", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after so long; --go-on continues there."
)
@click.option(
    "--heads",
    type=FileToRead(),
    metavar="FILE",
    help="Heads that were noted outside, a line each.  [default: the file of the sealer, where it is here]",
)
@as_json
@click.pass_obj
def verify(session: Session, go_on: bool, budget: float | None, heads: Path | None, as_json: bool) -> int:
    """Compare the whole log with its seals, at the speed of reading it, while everything else goes on.

    It names what was changed, deleted or put in since it was sealed, by position; what is skipped or retracted
    without an entry of the chain; seals that were edited; and a chain that ends before a head noted outside.

    \b
    Examples:
      temple seal verify
      temple seal verify --heads /mnt/elsewhere/heads.jsonl
    \b
    Exit codes: 0 all that is sealed holds; 3 something was changed, or was not compared yet.
    """
    proof = proven(session, budget_seconds=budget, anew=not go_on, heads=noted_heads(session, heads))
    if as_json:
        print_json(proof_data(proof))
    else:
        print_proof(session, proof)
    return ExitCode.OK if proof.holds and not proof.findings else ExitCode.FOUND


def proven(
    session: Session, *, budget_seconds: float | None = None, anew: bool = True, heads: Sequence[Head] | None = None
) -> Proof:
    """The proof, with a bar for whoever watches. Raises DatabaseUnavailable."""
    with snapshot(session.database) as connection:
        seals = seal_status(connection)
    with bar(session.progress, "proving the log", seals.ranges + seals.entries, "seals") as shown:
        return prove(
            session.database,
            budget_seconds=budget_seconds,
            anew=anew,
            heads=noted_heads(session) if heads is None else heads,
            progress=shown.at,
        )


def noted_heads(session: Session, path: Path | None = None) -> Sequence[Head]:
    """The newest of the file; none where there is none. Raises UnreadableFile, and OSError for one that was named."""
    place = head_file(session.settings) if path is None else path
    try:
        return read_heads(place)[-NEWEST_HEADS:]
    except OSError as error:
        if path is not None:
            raise
        if not isinstance(error, FileNotFoundError):
            session.note(f"the heads in {place} cannot be read: {error.strerror}; compared without them")
        return ()


def print_proof(session: Session, proof: Proof) -> None:
    print_line(proof.sentence)
    for each in proof.findings[:SHOWN]:
        print_line(f"  {each}")
    if len(proof.findings) > SHOWN:
        print_line(f"  and {plural(len(proof.findings) - SHOWN, 'finding')} more; --json has them")
    if proof.changed:
        session.note("what to do: runbook LedgerTampered; it ends in a restored log, or in: temple seal accept")


def proof_data(proof: Proof) -> dict[str, Any]:
    return {
        "holds": proof.holds,
        "complete": proof.complete,
        "compared_position": proof.compared,
        "sealed_position": proof.sealed,
        "shortened_to": proof.shortened_to,
        "accepted_events": 0 if proof.accepted is None else proof.accepted.events,
        "accepted_at": None if proof.accepted is None else proof.accepted.at,
        "sentence": proof.sentence,
        "findings": [
            {"kind": each.kind, "first": each.first, "last": each.last, "seal": each.seal, "sentence": str(each)}
            for each in proof.findings
        ],
    }
