"""What a repair that nobody asked for needs: that the log which it folds is what was sealed."""

from collections.abc import Sequence
from typing import Final

from temple_ledger.domain.errors import LedgerError, LogChanged
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.read_models.runner.transaction import PostgresTransaction
from temple_ledger.infrastructure.seals.head import Head
from temple_ledger.infrastructure.seals.proof import Proof, prove
from temple_ledger.infrastructure.seals.sealer import seal_rest

SHARE: Final = 0.1
"""Of a round's budget, for the part of the log that is compared although nothing is to be repaired."""


def share_of_proof(database: Database, budget_seconds: float, heads: Sequence[Head]) -> Proof:
    return prove(database, budget_seconds=budget_seconds * SHARE, heads=heads)


def sealed_first(database: Database, budget_seconds: float) -> str | None:
    """Seals the settled rest, so that one round does where the proof fits its budget; why it cannot, in a sentence."""
    try:
        seal_rest(database, seconds=budget_seconds)
    except LedgerError as error:
        return f"not repaired unasked, because the log cannot be sealed: {error}"
    return None


def proof_for_repair(database: Database, budget_seconds: float, heads: Sequence[Head]) -> Proof:
    return prove(database, budget_seconds=budget_seconds, heads=heads)


def refusal(proof: Proof) -> str | None:
    """Why nothing is repaired from this log unasked; None where it may be."""
    if proof.holds:
        return None
    if proof.changed:
        return f"{proof.sentence}: nothing is repaired unasked; see: temple seal verify"
    return f"not repaired unasked before the whole log is proven: {proof.sentence}"


def require_sealed(transaction: PostgresTransaction, user_ids: Sequence[str], upto: Position) -> None:
    """Within a transaction that holds the checkpoint, which stands at *upto*: what came since the proof is sealed.

    Raises LogChanged where one of these members has an event that is not what was sealed.
    """
    while transaction.connection.execute(statement("seal_range"), {"settled": upto}).fetchone() is not None:
        pass
    changed = transaction.changed(user_ids, upto)
    if changed:
        raise LogChanged(f"the LOG was changed at position {min(changed.values())}: nothing is repaired unasked")
