"""Snapshots of memberships: the whole list over REST, beside what was last observed.

The pages go into a table of the session, so memory does not grow with the campaign. What follows from a difference is
found by letting it happen, in transactions that are rolled back: what is shown is what applying will do. That somebody
is gone follows only from a complete list; all the rest from each row by itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import psycopg

from temple_ledger.domain.instant import format_instant, parse_instant
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.database.whole_tables import join_whole_tables
from temple_ledger.infrastructure.ingestion.snapshots.apply import hold_translator
from temple_ledger.infrastructure.ingestion.snapshots.finding import Difference, Finding, FoundDifference
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot
from temple_ledger.infrastructure.ingestion.snapshots.take import Taking
from temple_ledger.infrastructure.sources.patreon import store
from temple_ledger.infrastructure.sources.patreon.acceptance import Provenance, decide, with_known_tiers
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.describe import of_member, of_person
from temple_ledger.infrastructure.sources.patreon.entitlement import entitlement_of
from temple_ledger.infrastructure.sources.patreon.membership import Absent, Membership
from temple_ledger.infrastructure.sources.patreon.membership_event import SOURCE
from temple_ledger.infrastructure.sources.patreon.membership_json import membership_as_json, membership_from_json
from temple_ledger.infrastructure.sources.patreon.model import PaymentStatus, PublishedTier, user_of
from temple_ledger.infrastructure.sources.patreon.observe import DecidedReport, Observed, Report, observe
from temple_ledger.infrastructure.sources.patreon.paging import Page, read_members
from temple_ledger.infrastructure.sources.patreon.unread import describe_unread

Connection = psycopg.Connection[Any]
CHUNK: Final = 500


class Candidate(NamedTuple):
    """`user_id`: somebody to compare without a row of Patreon's. `row` None: the membership is not there."""

    number: int
    user_id: str | None
    member_id: str | None
    asked_at: datetime | None
    row: Mapping[str, Any] | None


async def take_snapshot(
    database: Database,
    client: PatreonClient,
    campaigns: Sequence[str],
    *,
    whole: bool,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UUID:
    """Stored with its findings; the log and the stored states stay as they are. What waits in the inbox has to be
    translated by then. *whole*: these are all campaigns that this ledger is about.

    Raises PlatformUnavailable, DatabaseUnavailable; what is stored then is not complete.
    """
    with (
        database_errors("taking a snapshot"),
        database.connect(DatabaseRole.TRANSLATE, application="temple patreon snapshot") as connection,
    ):
        comparing = _Comparing(connection, clock())
        missing: list[str] = []
        for campaign in campaigns:
            read = await read_members(client, campaign, partial(comparing.take, campaign))
            missing += [] if read.missing is None else [read.missing]
        comparing.compare(campaigns, whole=whole, complete=not missing)
        comparing.finish(clock(), missing)
        return comparing.id


class PatreonSettling:
    """See `Settling`: the differences are found again, as of when the pages were read."""

    source: Final = SOURCE

    def settle(self, connection: Connection, snapshot: Snapshot, findings: Sequence[Finding]) -> Sequence[LogEntry]:
        reports: list[Report] = []
        also: dict[str, datetime] = {}
        for finding in findings:
            stored = finding.observed or {}
            reports += [
                _present(membership_from_json(each["said"]), parse_instant(each["at"]))
                for each in stored.get("members", ())
            ]
            reports += [_gone(member_id, snapshot.started_at) for member_id in stored.get("gone", ())]
            if stored.get("compare"):
                also[finding.user_id] = snapshot.finished_at or snapshot.started_at
        return observe(connection, reports, also=also, reconciled=snapshot.id, ask_log=True).entries


class _Comparing:
    """One snapshot, page after page."""

    def __init__(self, connection: Connection, started_at: datetime) -> None:
        self.id = uuid4()
        self._connection = connection
        self._started_at = started_at
        self._members = 0
        self._nameless: set[str] = set()
        """Memberships unknown to us whose row names no account."""
        self._unread: set[str] = set()
        row = connection.execute(statement("patreon_paying_count")).fetchone()
        self._known = 0 if row is None else int(row[0])
        connection.execute(statement("patreon_read_create"))
        self._taking = Taking(connection, SOURCE, self.id, started_at)

    def take(self, campaign: str, page: Page) -> int:
        """How many members of it were on no earlier page."""
        tiers = {tier.id: tier for tier in page.tiers}
        store.save_described_tiers(self._connection, page.tiers, page.asked_at)
        rows: dict[str, dict[str, Any]] = {}
        nameless: set[str] = set()
        for each in self._with_accounts(page.memberships):
            if isinstance(each.patreon_id, Absent):
                nameless.add(each.member_id)
            else:
                membership = with_known_tiers(each, tiers)
                rows[each.member_id] = _row(membership, each.patreon_id, campaign, page.asked_at)
        new = store.put(self._connection, "patreon_read_put", rows.values()) + len(nameless - self._nameless)
        self._nameless |= nameless
        self._unread |= page.unread
        self._members += new
        return new

    def _with_accounts(self, memberships: Sequence[Membership]) -> Iterator[Membership]:
        """A closed account is null in the row; a membership that we know is still that of its account."""
        without = [each.member_id for each in memberships if isinstance(each.patreon_id, Absent)]
        states = store.members(self._connection, without) if without else {}
        for each in memberships:
            state = states.get(each.member_id)
            yield each if state is None else replace(each, patreon_id=state.patreon_id)

    def compare(self, campaigns: Sequence[str], *, whole: bool, complete: bool) -> None:
        """Only where everybody was read is somebody who was not seen gone."""
        values = {"campaigns": list(campaigns), "whole": whole, "started_at": self._started_at}
        self._connection.execute(statement("patreon_read_analyze"))
        with self._connection.transaction():
            join_whole_tables(self._connection)
            self._connection.execute(statement("patreon_read_compare"))
            if complete:
                self._connection.execute(statement("patreon_read_gone"), values)
                self._connection.execute(statement("patreon_read_others"), values)
        for chunk in self._candidates():
            self._taking.keep(self._findings(chunk))
        with self._connection.transaction():
            hold_translator(self._connection, SOURCE)
            join_whole_tables(self._connection)
            self._connection.execute(statement("patreon_read_refresh"))

    def finish(self, finished_at: datetime, missing: Sequence[str]) -> None:
        notes = list(missing)
        if self._nameless:
            few = "membership" if len(self._nameless) == 1 else "memberships"
            notes.append(f"nothing is concluded of {len(self._nameless):,} new {few} without an account")
        if self._unread:
            notes.append(f"in some rows {describe_unread(sorted(self._unread))}")
        self._taking.finish(
            finished_at,
            members=self._members,
            known=self._known,
            complete=not missing,
            note="; ".join(notes) or None,
        )

    def _candidates(self) -> Iterator[list[Candidate]]:
        after = 0
        while True:
            rows = self._connection.execute(
                statement("patreon_read_candidates"), {"after": after, "limit": CHUNK}
            ).fetchall()
            if not rows:
                return
            yield [Candidate(*row) for row in rows]
            after = rows[-1][0]

    def _findings(self, chunk: Sequence[Candidate]) -> list[Finding]:
        reports = [_report_of(each, self._started_at) for each in chunk if each.member_id is not None]
        also = {each.user_id: self._started_at for each in chunk if each.user_id is not None}
        with self._connection.transaction(force_rollback=True):
            hold_translator(self._connection, SOURCE)
            observed = observe(self._connection, reports, also=also, reconciled=self.id, ask_log=True)
            after = store.persons(self._connection, [entry.user_id for entry in observed.entries])
        return list(_found(observed, after, also))


def _row(membership: Membership, patreon_id: str, campaign: str, asked_at: datetime) -> dict[str, Any]:
    """As its table stores it, and the membership beside it."""
    if isinstance(membership.campaign_id, Absent):
        membership = membership.in_campaign(campaign)
    member = decide(None, None, membership, Provenance(asked_at, read=True), patreon_id).member
    discord_said = not isinstance(membership.discord_id, Absent)
    return {
        **store.row_of_member(member),
        "discord_said": discord_said,
        "discord_id": membership.discord_id if discord_said else None,
        "asked_at": asked_at,
        "described": membership_as_json(membership),
    }


def _present(membership: Membership, at: datetime) -> Report:
    return Report(membership, Provenance(at, read=True, asks=True))


def _gone(member_id: str, at: datetime) -> Report:
    return Report(Membership(member_id, tiers=(), entitled_cents=0), Provenance(at, read=True, deleted=True, asks=True))


def _report_of(candidate: Candidate, started_at: datetime) -> Report:
    if candidate.row is None or candidate.asked_at is None:
        return _gone(candidate.member_id or "", started_at)
    return _present(membership_from_json(candidate.row), candidate.asked_at)


def _found(observed: Observed, after: Mapping[str, PublishedTier], also: Mapping[str, datetime]) -> Iterator[Finding]:
    """One for each member of the ledger whom something is about."""
    by_user: dict[str, list[DecidedReport]] = {}
    for each in observed.decided:
        if each.decision is not None and not each.decision.set_aside:
            by_user.setdefault(user_of(each.decision.member.patreon_id, each.decision.link), []).append(each)
    # a link takes nothing from anybody
    decided = [each for each in observed.decided if each.state is not None]
    moved = {user_of(each.state.patreon_id, each.link) for each in decided if each.state is not None} - {*by_user}
    entries = {entry.user_id: entry for entry in observed.entries}
    for user_id in sorted({*by_user, *entries}):
        reports, entry = by_user.get(user_id, []), entries.get(user_id)
        before = observed.before.get(user_id)
        stored = {**_stored(reports), **({"compare": True} if user_id in also else {})}
        if entry is None:
            differences = tuple(_without_event(each) for each in reports if _differs(each))
            if differences:
                yield Finding(user_id, stored, differences)
            continue
        now = after[user_id]
        only_ours = now.standing is PaymentStatus.NONE and all(each.report.provenance.deleted for each in reports)
        kind = Difference.UNKNOWN if before is None else Difference.OURS_ONLY if only_ours else Difference.MISSED
        found = FoundDifference(kind, "membership", of_person(before), of_person(now), (entry,))
        yield Finding(user_id, stored, (found,), loses=user_id not in moved and _loses(before, now))


def _stored(decided: Sequence[DecidedReport]) -> dict[str, Any]:
    present = [each.report for each in decided if not each.report.provenance.deleted]
    return {
        "members": [
            {"at": format_instant(each.provenance.at), "said": membership_as_json(each.membership)} for each in present
        ],
        "gone": [each.report.membership.member_id for each in decided if each.report.provenance.deleted],
    }


def _differs(decided: DecidedReport) -> bool:
    """Whether it changes what is stored of the membership, its dates and sums left out."""
    state, decision = decided.state, decided.decision
    if state is None or decision is None:
        return True
    now = decision.member
    before = (entitlement_of(state).key, state.tier_deleted, state.deleted, state.doubt, decided.link)
    return before != (entitlement_of(now).key, now.tier_deleted, now.deleted, now.doubt, decision.link)


def _without_event(decided: DecidedReport) -> FoundDifference:
    """Known otherwise, and no event follows: another membership counts, or Patreon is asked again."""
    state, decision = decided.state, decided.decision
    ours = None if state is None else of_member(entitlement_of(state))
    gone = decided.report.provenance.deleted or decision is None
    theirs = None if gone or decision is None else of_member(entitlement_of(decision.member))
    doubted = decision is not None and decision.member.doubt is not None
    kind = Difference.UNKNOWN if state is None else Difference.MISSED
    field = f"membership {decided.report.membership.member_id}"
    return FoundDifference(kind, field, ours, "to be looked at again" if doubted else theirs)


def _loses(before: PublishedTier | None, now: PublishedTier) -> bool:
    if before is None:
        return False
    return (before.tier is not None and now.tier is None) or (
        before.standing is not PaymentStatus.NONE and now.standing is PaymentStatus.NONE
    )
