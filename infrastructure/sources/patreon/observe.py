"""From what we are told to the events of it: what is known moves on, and the log is told the difference."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.sources.patreon import store as states
from temple_ledger.infrastructure.sources.patreon.acceptance import Decision, Provenance, decide, named
from temple_ledger.infrastructure.sources.patreon.entitlement import best, entitlement_of
from temple_ledger.infrastructure.sources.patreon.membership import Membership, NotSaid
from temple_ledger.infrastructure.sources.patreon.membership_event import membership_event
from temple_ledger.infrastructure.sources.patreon.model import Link, MembershipState, PublishedTier, user_of

Connection = psycopg.Connection[Any]
NOBODY: Final[Mapping[str, datetime]] = {}


class Report(NamedTuple):
    """What was told of one membership, and how."""

    told: Membership
    telling: Provenance


class DecidedReport(NamedTuple):
    """A word beside what was known before it. `judged` None: nobody knows whose membership it is."""

    word: Report
    known: MembershipState | None
    link: Link | None
    judged: Decision | None


class Observed(NamedTuple):
    """`seen` is what became of each word, in their order; `entries` are what the log is to be told, and `before` what
    it had been told until then, by member of the ledger."""

    seen: Sequence[DecidedReport]
    entries: Sequence[LogEntry]
    before: Mapping[str, PublishedTier]


def observe(
    connection: Connection,
    words: Sequence[Report],
    *,
    also: Mapping[str, datetime] = NOBODY,
    reconciled: UUID | None = None,
    ask_log: bool = False,
) -> Observed:
    """At most one word a membership, and one event a member of the ledger.

    *also*: members of the ledger who are compared whether a word is about them or not, as of then. *reconciled* is
    the snapshot that the words come from. *ask_log*: compare with what the log says, not with what we noted of it.
    Within a transaction that holds the translator of this source; raises psycopg.Error.
    """
    seen = _judged(connection, words)
    _save(connection, seen)
    touched = dict(also)
    for each in seen:
        for user_id in _touched(each, ask_log):
            at = each.word.telling.at
            touched[user_id] = max(at, touched.get(user_id, at))
    if not touched:
        return Observed(seen, [], {})
    return _told(connection, seen, touched, reconciled, ask_log)


def _judged(connection: Connection, words: Sequence[Report]) -> list[DecidedReport]:
    members = states.members(connection, [word.told.member_id for word in words])
    owners = {word.told.member_id: _owner(word.told, members.get(word.told.member_id)) for word in words}
    links = states.links(connection, {owner for owner in owners.values() if owner is not None})
    tiers = states.tiers(connection, set(_unnamed(words)))
    seen: list[DecidedReport] = []
    for word in words:
        known, owner = members.get(word.told.member_id), owners[word.told.member_id]
        if owner is None:
            seen.append(DecidedReport(word, known, None, None))
            continue
        judged = decide(known, links.get(owner), named(word.told, tiers), word.telling, owner)
        seen.append(DecidedReport(word, known, links.get(owner), judged))
        if judged.link is not None:
            links[owner] = judged.link
    return seen


def _owner(told: Membership, known: MembershipState | None) -> str | None:
    """The Patreon account. A membership never goes over to another one."""
    if known is not None:
        return known.patreon_id if told.patreon_id in (known.patreon_id, NotSaid.NOT_SAID) else None
    return None if isinstance(told.patreon_id, NotSaid) else told.patreon_id


def _unnamed(words: Sequence[Report]) -> Iterable[str]:
    for word in words:
        if not isinstance(word.told.tiers, NotSaid):
            yield from (tier.id for tier in word.told.tiers if tier.title is None or tier.amount_cents is None)


def _save(connection: Connection, seen: Sequence[DecidedReport]) -> None:
    found = [(each, each.judged) for each in seen if each.judged is not None]
    states.save_members(connection, [judged.member for each, judged in found if not _as_before(each.known, judged)])
    links = {judged.link.patreon_id: judged.link for each, judged in found if judged.link not in (None, each.link)}
    states.save_links(connection, links.values())


def _as_before(known: MembershipState | None, judged: Decision) -> bool:
    return known is not None and replace(judged.member, changed_at=known.changed_at) == known


def _touched(each: DecidedReport, always: bool) -> set[str]:
    """The members of the ledger for whom something may be different."""
    if each.judged is None:
        return set()
    owner = each.judged.member.patreon_id
    users = {user_of(owner, each.link), user_of(owner, each.judged.link)}
    same = each.known is not None and entitlement_of(each.known).key == entitlement_of(each.judged.member).key
    return set() if same and len(users) == 1 and not always else users


def _told(
    connection: Connection,
    seen: Sequence[DecidedReport],
    touched: Mapping[str, datetime],
    reconciled: UUID | None,
    ask_log: bool,
) -> Observed:
    memberships = states.members_of(connection, touched)
    before = states.persons(connection, touched, ask_log=ask_log)
    entries: list[LogEntry] = []
    persons: list[PublishedTier] = []
    for user_id, at in sorted(touched.items()):
        holding = best(entitlement_of(member) for member in memberships.get(user_id, ()))
        changed = membership_event(before.get(user_id), user_id, holding, at, reconciled)
        if changed is not None:
            entries.append(changed[0])
            persons.append(changed[1])
    states.save_persons(connection, persons)
    return Observed(seen, entries, before)
