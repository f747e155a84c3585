"""The projection `members`, interrupted by a person while it folds one certain member."""

from temple_ledger.domain.event import Event
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.members import Member, members


def interrupted_at(user_id: str) -> MemberProjection[Member]:
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
            raise KeyboardInterrupt
        return members.steps[type(event)](member, event)

    projection.on(*members.steps)(rule)
    return projection
