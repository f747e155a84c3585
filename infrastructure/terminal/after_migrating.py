"""What somebody has to do after a migration, which it does not do by itself."""

from collections.abc import Sequence

from temple_ledger.infrastructure.database.migrations import ADOPTED
from temple_ledger.infrastructure.database.schema import Changed, Unfitting
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.text import listed


def print_refused(session: Session, refused: Sequence[Unfitting]) -> None:
    for each in refused:
        session.note(f"{each.reason}; until then {each.projection} stands still, and everything else goes on")


def ask_for_replays(session: Session, changed: Changed) -> None:
    if not changed.unfilled:
        return
    if any(each.endswith(ADOPTED) for each in changed.migrations):
        session.note(
            "the derived tables stand as they were found, and nothing changes them before a replay; "
            f"to see where the log says otherwise: temple replay {' '.join(changed.unfilled)}"
        )
    session.note(
        f"not filled from the log yet: {listed(changed.unfilled)}; "
        f"run: temple replay {' '.join(changed.unfilled)} --apply"
    )


def ask_for_grants(session: Session, grants: Sequence[str]) -> None:
    if grants:
        session.note(
            "logins that receive, listen or ask Patreon need roles that are new; until these are granted, they go on "
            f"with what they have. As a superuser, run: {' '.join(grants)}"
        )
