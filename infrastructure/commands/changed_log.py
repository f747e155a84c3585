"""What is asked of the log before somebody makes tables from it by hand."""

import click

from temple_ledger.domain.errors import LogChanged
from temple_ledger.infrastructure.commands.seal_verify import SHOWN, proven
from temple_ledger.infrastructure.terminal.session import Session

from_changed_log = click.option(
    "--from-changed-log", is_flag=True, help="Go on although the log is not what was sealed; needs --reason."
)


def require_sealed_log(session: Session, *, from_changed_log: bool, reason: str | None) -> str | None:
    """The reason for the journal; it says so where the log was changed.

    Raises LogChanged unless the whole sealed log holds, or is a whole prefix of what was sealed, or somebody who has
    looked goes on from it; and UsageError where they do not say why.
    """
    if from_changed_log and reason is None:
        raise click.UsageError("--from-changed-log needs --reason TEXT: it is recorded in the journal")
    proof = proven(session)
    if not proof.changed:
        return reason
    session.note(proof.sentence)
    if proof.shortened_to is not None:
        return reason
    for each in proof.changed[:SHOWN]:
        session.note(str(each))
    if from_changed_log:
        return f"from a changed log: {reason}"
    raise LogChanged(
        f"{proof.sentence}; nothing was changed here. Runbook LedgerTampered says what to do; to go on from the log as "
        "it is: --from-changed-log --reason TEXT"
    )
