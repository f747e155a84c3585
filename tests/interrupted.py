"""The projection `members`, interrupted by a person while it folds one certain member."""

import os
import signal
from collections.abc import Callable

from temple_ledger.domain.event import Event
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import Member, members


def interrupted_at(user_id: str) -> MemberProjection[Member]:
    """In the process that folds, as a person's Ctrl-C would raise it there."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    return _doing_at(user_id, interrupt)


def interrupting_at(user_id: str) -> MemberProjection[Member]:
    """The process that called this, where another one folds."""
    whose = os.getpid()

    def interrupt() -> None:
        os.kill(whose, signal.SIGINT)
        # until whoever is interrupted ends us
        while True:
            pass

    return _doing_at(user_id, interrupt)


def _doing_at(user_id: str, interrupt: Callable[[], None]) -> MemberProjection[Member]:
    projection = MemberProjection(
        members.name,
        version=members.version,
        tables=members.tables,
        initial=members.initial,
        rows=members.rows_of,
        state=members.state_of,
    )

    def rule(member: Member, event: Event) -> Member:
        if event.user_id == user_id:
            interrupt()
        return members.steps[type(event)](member, event)

    projection.on(*members.steps)(rule)
    return projection
