"""From reports of memberships to events: the stored state moves on, and the difference is published to the log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.sources.patreon import store
from temple_ledger.infrastructure.sources.patreon.acceptance import Decision, Provenance, decide, with_known_tiers
from temple_ledger.infrastructure.sources.patreon.entitlement import best, entitlement_of
from temple_ledger.infrastructure.sources.patreon.membership import Absent, Membership
from temple_ledger.infrastructure.sources.patreon.membership_event import membership_event
from temple_ledger.infrastructure.sources.patreon.model import Link, MembershipState, PublishedTier, user_of

Connection = psycopg.Connection[Any]
NOBODY: Final[Mapping[str, datetime]] = {}


class Report(NamedTuple):
    """What a body or a row of a list says of one membership, and where it comes from."""

    membership: Membership
    provenance: Provenance


class DecidedReport(NamedTuple):
    """A report, the state before it, and what was decided. `decision` None: nobody knows whose membership it is."""

    report: Report
    state: MembershipState | None
    link: Link | None
    decision: Decision | None


class Observed(NamedTuple):
    """`decided` is what became of each report, in their order; `entries` are the events that follow, and `before` what
    the log said until then, by member of the ledger."""

    decided: Sequence[DecidedReport]
    entries: Sequence[LogEntry]
    before: Mapping[str, PublishedTier]


def observe(
    connection: Connection,
    reports: Sequence[Report],
    *,
    also: Mapping[str, datetime] = NOBODY,
    reconciled: UUID | None = None,
    ask_log: bool = False,
) -> Observed:
    """At most one report a membership, and one event a member of the ledger.

    *also*: members of the ledger who are compared whether a report is about them or not, as of then. *reconciled* is
    the snapshot that the reports come from. *ask_log*: compare with what the log says, not with what we noted of it.
    Within a transaction that holds the translator of this source; raises psycopg.Error.
    """
    decided = _decided(connection, reports)
    _save(connection, decided)
    touched = dict(also)
    for each in decided:
        for user_id in _touched(each, ask_log):
            at = each.report.provenance.at
            touched[user_id] = max(at, touched.get(user_id, at))
    if not touched:
        return Observed(decided, [], {})
    return _published(connection, decided, touched, reconciled, ask_log)


def _decided(connection: Connection, reports: Sequence[Report]) -> list[DecidedReport]:
    states = store.members(connection, [report.membership.member_id for report in reports])
    owners = {each.membership.member_id: _owner(each.membership, states) for each in reports}
    links = store.links(connection, {owner for owner in owners.values() if owner is not None})
    tiers = store.tiers(connection, set(_undescribed(reports)))
    decided: list[DecidedReport] = []
    for report in reports:
        state, owner = states.get(report.membership.member_id), owners[report.membership.member_id]
        if owner is None:
            decided.append(DecidedReport(report, state, None, None))
            continue
        membership = with_known_tiers(report.membership, tiers)
        decision = decide(state, links.get(owner), membership, report.provenance, owner)
        decided.append(DecidedReport(report, state, links.get(owner), decision))
        if decision.link is not None:
            links[owner] = decision.link
    return decided


def _owner(membership: Membership, states: Mapping[str, MembershipState]) -> str | None:
    """The Patreon account. A membership never goes over to another one."""
    state = states.get(membership.member_id)
    if state is not None:
        return state.patreon_id if membership.patreon_id in (state.patreon_id, Absent.ABSENT) else None
    return None if isinstance(membership.patreon_id, Absent) else membership.patreon_id


def _undescribed(reports: Sequence[Report]) -> Iterable[str]:
    for report in reports:
        if not isinstance(report.membership.tiers, Absent):
            yield from (each.id for each in report.membership.tiers if each.title is None or each.amount_cents is None)


def _save(connection: Connection, decided: Sequence[DecidedReport]) -> None:
    found = [(each, each.decision) for each in decided if each.decision is not None]
    store.save_members(connection, [made.member for each, made in found if not _is_as_before(each.state, made)])
    links = {made.link.patreon_id: made.link for each, made in found if made.link not in (None, each.link)}
    store.save_links(connection, links.values())


def _is_as_before(state: MembershipState | None, decision: Decision) -> bool:
    return state is not None and replace(decision.member, changed_at=state.changed_at) == state


def _touched(each: DecidedReport, always: bool) -> set[str]:
    """The members of the ledger for whom something may be different."""
    if each.decision is None:
        return set()
    owner = each.decision.member.patreon_id
    users = {user_of(owner, each.link), user_of(owner, each.decision.link)}
    same = each.state is not None and entitlement_of(each.state).key == entitlement_of(each.decision.member).key
    return set() if same and len(users) == 1 and not always else users


def _published(
    connection: Connection,
    decided: Sequence[DecidedReport],
    touched: Mapping[str, datetime],
    reconciled: UUID | None,
    ask_log: bool,
) -> Observed:
    memberships = store.members_of(connection, touched)
    before = store.persons(connection, touched, ask_log=ask_log)
    entries: list[LogEntry] = []
    persons: list[PublishedTier] = []
    for user_id, at in sorted(touched.items()):
        entitlement = best(entitlement_of(member) for member in memberships.get(user_id, ()))
        changed = membership_event(before.get(user_id), user_id, entitlement, at, reconciled)
        if changed is not None:
            entries.append(changed[0])
            persons.append(changed[1])
    store.save_persons(connection, persons)
    return Observed(decided, entries, before)
