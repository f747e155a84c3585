"""Snapshots of memberships: the whole list over REST, beside what was last observed.

The pages go into a table of the session, so memory does not grow with the campaign. What follows from a difference is
found by letting it happen, in transactions that are rolled back: what is shown is what applying will do.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import psycopg

from temple_ledger.domain.instant import format_instant, parse_instant
from temple_ledger.domain.log_entry import LogEntry
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.ingestion.snapshots.apply import hold_translator
from temple_ledger.infrastructure.ingestion.snapshots.finding import Difference, Finding, FoundDifference
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import Snapshot
from temple_ledger.infrastructure.ingestion.snapshots.take import Taking
from temple_ledger.infrastructure.sources.patreon import store as states
from temple_ledger.infrastructure.sources.patreon.acceptance import Provenance, decide, named
from temple_ledger.infrastructure.sources.patreon.client import PatreonClient
from temple_ledger.infrastructure.sources.patreon.describe import of_member, of_person
from temple_ledger.infrastructure.sources.patreon.entitlement import entitlement_of
from temple_ledger.infrastructure.sources.patreon.membership import Membership, NotSaid
from temple_ledger.infrastructure.sources.patreon.membership_event import SOURCE
from temple_ledger.infrastructure.sources.patreon.membership_json import said_as_json, said_of_json
from temple_ledger.infrastructure.sources.patreon.model import PaymentStatus, PublishedTier, user_of
from temple_ledger.infrastructure.sources.patreon.observe import DecidedReport, Observed, Report, observe
from temple_ledger.infrastructure.sources.patreon.paging import Page, read_members

Connection = psycopg.Connection[Any]
CHUNK: Final = 500


class Candidate(NamedTuple):
    """`user_id`: somebody to compare without a word of Patreon's. `said` None: the membership is not there."""

    number: int
    user_id: str | None
    member_id: str | None
    asked_at: datetime | None
    said: Mapping[str, Any] | None


async def take_snapshot(
    database: Database,
    client: PatreonClient,
    campaigns: Sequence[str],
    *,
    whole: bool,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> UUID:
    """Kept with its findings; the log and what it was told stay as they are. What waits in the inbox has to be
    translated by then. *whole*: these are all campaigns that this ledger is about.

    Raises PlatformUnavailable, DatabaseUnavailable; what is there then is not complete.
    """
    with (
        database_errors("taking a snapshot"),
        database.connect(DatabaseRole.TRANSLATE, application="temple patreon snapshot") as connection,
    ):
        comparing = _Comparing(connection, clock())
        missing: list[str] = []
        for campaign in campaigns:
            read = await read_members(client, campaign, lambda page, campaign=campaign: comparing.take(page, campaign))  # type: ignore[misc]
            missing += [] if read.missing is None else [read.missing]
        comparing.compare(campaigns, whole=whole, complete=not missing)
        comparing.finish(clock(), "; ".join(missing) or None)
        return comparing.id


class PatreonSettling:
    """See `Settling`: the differences are found again, as of when the pages were read."""

    source: Final = SOURCE

    def settle(self, connection: Connection, snapshot: Snapshot, findings: Sequence[Finding]) -> Sequence[LogEntry]:
        words: list[Report] = []
        also: dict[str, datetime] = {}
        for finding in findings:
            stored = finding.observed or {}
            words += [
                _word(said_of_json(each["said"]), parse_instant(each["at"])) for each in stored.get("members", ())
            ]
            words += [_gone(member_id, snapshot.started_at) for member_id in stored.get("gone", ())]
            if stored.get("compare"):
                also[finding.user_id] = snapshot.finished_at or snapshot.started_at
        return observe(connection, words, also=also, reconciled=snapshot.id, ask_log=True).entries


class _Comparing:
    """One snapshot, page after page."""

    def __init__(self, connection: Connection, started_at: datetime) -> None:
        self.id = uuid4()
        self._connection = connection
        self._started_at = started_at
        self._members = 0
        row = connection.execute(statement("patreon_paying_count")).fetchone()
        self._known = 0 if row is None else int(row[0])
        connection.execute(statement("patreon_read_create"))
        self._taking = Taking(connection, SOURCE, self.id, started_at)

    def take(self, page: Page, campaign: str) -> int:
        """How many members of it were on no earlier page."""
        tiers = {tier.id: tier for tier in page.tiers}
        states.learn(self._connection, page.tiers, page.asked_at)
        rows = [_row(named(each, tiers), campaign, page.asked_at) for each in page.memberships]
        by_id = {row["member_id"]: row for row in rows if row is not None}
        new = states.put(self._connection, "patreon_read_put", by_id.values())
        self._members += new
        return new

    def compare(self, campaigns: Sequence[str], *, whole: bool, complete: bool) -> None:
        """Only where everybody was read is somebody who was not seen gone."""
        values = {"campaigns": list(campaigns), "whole": whole, "started_at": self._started_at}
        self._connection.execute("analyze patreon_read")
        self._connection.execute(statement("patreon_read_compare"))
        if complete:
            self._connection.execute(statement("patreon_read_gone"), values)
            self._connection.execute(statement("patreon_read_others"), values)
        for chunk in self._candidates():
            self._taking.keep(self._findings(chunk))
        if complete:
            with self._connection.transaction():
                hold_translator(self._connection, SOURCE)
                self._connection.execute(statement("patreon_read_refresh"))

    def finish(self, finished_at: datetime, missing: str | None) -> None:
        self._taking.finish(
            finished_at, members=self._members, known=self._known, complete=missing is None, note=missing
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
        words = [_word_of(each, self._started_at) for each in chunk if each.member_id is not None]
        also = {each.user_id: self._started_at for each in chunk if each.user_id is not None}
        with self._connection.transaction(force_rollback=True):
            hold_translator(self._connection, SOURCE)
            observed = observe(self._connection, words, also=also, reconciled=self.id, ask_log=True)
            after = states.persons(self._connection, [entry.user_id for entry in observed.entries])
        return list(_found(observed, after, also))


def _row(told: Membership, campaign: str, asked_at: datetime) -> dict[str, Any] | None:
    """As its table keeps it, and what was said beside it. None: nobody knows whose membership it is."""
    if isinstance(told.patreon_id, NotSaid):
        return None
    if isinstance(told.campaign_id, NotSaid):
        told = told.in_campaign(campaign)
    member = decide(None, None, told, Provenance(asked_at, read=True), str(told.patreon_id)).member
    discord_said = not isinstance(told.discord_id, NotSaid)
    return {
        **states.row_of_member(member),
        "discord_said": discord_said,
        "discord_id": told.discord_id if discord_said else None,
        "asked_at": asked_at,
        "said": said_as_json(told),
    }


def _word(told: Membership, at: datetime) -> Report:
    return Report(told, Provenance(at, read=True, asks=True))


def _gone(member_id: str, at: datetime) -> Report:
    return Report(Membership(member_id, tiers=(), entitled_cents=0), Provenance(at, read=True, deleted=True, asks=True))


def _word_of(candidate: Candidate, started_at: datetime) -> Report:
    if candidate.said is None or candidate.asked_at is None:
        return _gone(candidate.member_id or "", started_at)
    return _word(said_of_json(candidate.said), candidate.asked_at)


def _found(observed: Observed, after: Mapping[str, PublishedTier], also: Mapping[str, datetime]) -> Iterator[Finding]:
    """One for each member of the ledger whom something is about."""
    by_user: dict[str, list[DecidedReport]] = {}
    for each in observed.seen:
        if each.judged is not None and not each.judged.set_aside:
            by_user.setdefault(user_of(each.judged.member.patreon_id, each.judged.link), []).append(each)
    # a link takes nothing from anybody
    moved = {user_of(each.known.patreon_id, each.link) for each in observed.seen if each.known is not None} - {*by_user}
    entries = {entry.user_id: entry for entry in observed.entries}
    for user_id in sorted({*by_user, *entries}):
        seen, entry = by_user.get(user_id, []), entries.get(user_id)
        before = observed.before.get(user_id)
        stored = {**_stored(seen), **({"compare": True} if user_id in also else {})}
        if entry is None:
            yield Finding(user_id, stored, tuple(map(_without_event, seen)))
            continue
        now = after[user_id]
        only_ours = now.standing is PaymentStatus.NONE and all(each.word.telling.deleted for each in seen)
        kind = Difference.UNKNOWN if before is None else Difference.OURS_ONLY if only_ours else Difference.MISSED
        found = FoundDifference(kind, "membership", of_person(before), of_person(now), (entry,))
        yield Finding(user_id, stored, (found,), loses=user_id not in moved and _loses(before, now))


def _stored(seen: Sequence[DecidedReport]) -> dict[str, Any]:
    read = [word for word, *_ in seen if not word.telling.deleted]
    return {
        "members": [{"at": format_instant(word.telling.at), "said": said_as_json(word.told)} for word in read],
        "gone": [word.told.member_id for word, *_ in seen if word.telling.deleted],
    }


def _without_event(seen: DecidedReport) -> FoundDifference:
    """Known otherwise, and nothing for the log to be told: another one counts, or it is to be looked at again."""
    ours = None if seen.known is None else of_member(entitlement_of(seen.known))
    word = seen.word.told
    theirs = None if seen.word.telling.deleted or seen.judged is None else of_member(entitlement_of(seen.judged.member))
    doubted = seen.judged is not None and seen.judged.member.doubt is not None
    kind = Difference.UNKNOWN if seen.known is None else Difference.MISSED
    return FoundDifference(kind, f"membership {word.member_id}", ours, "to be looked at again" if doubted else theirs)


def _loses(before: PublishedTier | None, now: PublishedTier) -> bool:
    if before is None:
        return False
    return (before.tier is not None and now.tier is None) or (
        before.standing is not PaymentStatus.NONE and now.standing is PaymentStatus.NONE
    )
