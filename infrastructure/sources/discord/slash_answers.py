"""What /ledger answers, read as one who may read the ledger and no more. The rules are those of the console."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import quote

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import InvalidEvent, LedgerError
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.session_settings import set_for_transaction
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.retracted import retracted_positions
from temple_ledger.infrastructure.names.name import Names
from temple_ledger.infrastructure.names.segment import in_segment
from temple_ledger.infrastructure.queries import caveats
from temple_ledger.infrastructure.queries.as_of import AsOf, before, beginning, end, still_to_come
from temple_ledger.infrastructure.queries.attribution import AttributedEvent
from temple_ledger.infrastructure.queries.causes import causes_of
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.from_sources import FromSources
from temple_ledger.infrastructure.queries.member import (
    HeldRole,
    member_history,
    member_then,
    require_member,
    stored_members,
    whole_facts_of,
)
from temple_ledger.infrastructure.queries.not_folded import not_folded
from temple_ledger.infrastructure.queries.role import page_of_holders_then
from temple_ledger.infrastructure.queries.role_difference import RoleHolding, role_difference
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory
from temple_ledger.infrastructure.queries.role_history import role_history
from temple_ledger.infrastructure.queries.role_periods import MOST_CHANGED, MOST_COUNTED
from temple_ledger.infrastructure.queries.sentence import Narrator, Sentence
from temple_ledger.infrastructure.queries.source_page import CellKind, SourceTable
from temple_ledger.infrastructure.sources.discord.markdown import escaped, instant, message, person, sentence, warning
from temple_ledger.infrastructure.sources.discord.slash_command import SlashQuestion

HAPPENED: Final = 6
HOLDERS: Final = 15
STEPS: Final = 6
CHANGED: Final = 12
MISMATCHED: Final = 12
A_WEEK: Final = timedelta(days=7)
STATEMENT_MS: Final = 20_000

NamesOf = Callable[[Iterable[str]], Names]


class BadDay(LedgerError):
    """What was written as a day is none."""


@dataclass(frozen=True)
class SlashAnswers:
    """*console* is the address of the console, None where it is for this machine only."""

    names: NamesOf
    sources: FromSources
    catalogue: Catalogue
    console: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def answer(self, connection: Connection, question: SlashQuestion) -> str:
        """A message. Raises LedgerError with a sentence for whoever asked."""
        set_for_transaction(connection, "statement_timeout", str(STATEMENT_MS))
        lines, path = _BRANCHES[question.kind](_Asked(connection, self, read_directory(connection)), question)
        link = None if self.console is None else f"<{self.console.rstrip('/')}{path}>"
        more = "… and more" if link is None else f"… and more: {link}"
        return message([*lines, *([] if link is None else [link])], more)


class _Asked(NamedTuple):
    connection: Connection
    answers: SlashAnswers
    directory: RoleDirectory

    def label(self, role: str) -> str:
        return f"**{escaped(self.directory.label(role))}**"

    def by(self, user_id: str | None, names: Names) -> str:
        if user_id is None:
            return ""
        actor = self.answers.sources.actors.get(user_id)
        return f" by {person(user_id, names) if actor is None else escaped(actor.name)}"

    def held(self, held: HeldRole, names: Names) -> str:
        return f"since {instant(held.granted_at)}{self.by(held.granted_by, names)}"

    def moment(self, written: str | None) -> AsOf:
        return AsOf(None if written is None else _time(written, end))

    def in_words(self, facts: Sequence[AttributedEvent]) -> Iterator[tuple[datetime | None, Sentence, Sentence | None]]:
        """In words, with what each follows from."""
        narrator = Narrator(self.directory, self.answers.sources.actors)
        causes = causes_of(self.connection, facts, self.answers.sources.actors)
        for fact in facts:
            cause = causes.get(fact.event.position)
            because = None if cause is None else narrator.because(cause)
            yield fact.event.occurred_at, narrator.sentence(fact, cause), because

    def happened(self, facts: Sequence[AttributedEvent]) -> list[str]:
        """A line each; what is retracted is said to be."""
        words = list(self.in_words(facts))
        retracted = retracted_positions(self.connection)
        gone = [" *(retracted)*" if fact.event.position in retracted else "" for fact in facts]
        people = {user_id for _, each, because in words for user_id in _people(each, because)}
        names = self.answers.names(people)
        return [
            f"• {instant(at)} {sentence(each, names)}"
            + ("" if because is None else f", because: {sentence(because, names)}")
            + note
            for (at, each, because), note in zip(words, gone, strict=True)
        ]


def _people(*sentences: Sentence | None) -> Iterator[str]:
    for each in sentences:
        if each is not None:
            yield from each.people()


def _time(written: str, of: Callable[[str], datetime]) -> datetime:
    """Raises BadDay."""
    try:
        return of(written.strip())
    except InvalidEvent as error:
        raise BadDay(f"{error.reason}; write a day such as 2026-03-01, or a time such as 2026-03-01T18:00Z") from None


Answered = tuple[list[str], str]
"""Lines, and the path of the console's page about the same."""


def _member(asked: _Asked, question: SlashQuestion) -> Answered:
    who, moment, connection = str(question.who), asked.moment(question.day), asked.connection
    require_member(connection, who)
    if moment.is_now:
        found, doubts = stored_members(connection, [who]).get(who), caveats.of_member(connection, who)
    else:
        folded = member_then(connection, who, moment, asked.answers.catalogue)
        found, doubts = folded.member, caveats.of_member_then(connection, folded)
    names = asked.answers.names({who, *(each.granted_by or "" for each in (found.roles if found else ()))} - {""})
    then = "" if moment.as_of is None else f", {instant(moment.as_of)}"
    ahead = still_to_come(moment.as_of, asked.answers.clock())
    lines = [f"{person(who, names)} (<@{who}>){then}", *map(warning, [*ahead, *doubts])]
    if found is None:
        lines.append("The ledger has nothing of them then." if then else "The ledger holds no rows of them.")
    else:
        tier = "no paid tier" if found.patreon_tier is None else f"pays for **{escaped(found.patreon_tier)}**"
        joined = "" if found.discord_joined_at is None else f", joined {instant(found.discord_joined_at)}"
        lines.append(f"{found.status or 'status not known'}{joined}; {tier}; {plural(len(found.roles), 'role')}")
        lines += [f"• {asked.label(each.role)} {asked.held(each, names)}" for each in found.roles[::-1]]
    facts = member_history(connection, who, moment, payloads=False)[-HAPPENED:][::-1]
    if facts:
        lines += ["What happened last:", *asked.happened([*whole_facts_of(connection, facts)])]
    return lines, f"/members/{in_segment(who)}"


def _role(asked: _Asked, question: SlashQuestion) -> Answered:
    role, moment = str(question.role), asked.moment(question.day)
    if moment.as_of is None:
        wanted = {"role": role, "limit": HOLDERS}
        rows = asked.connection.execute(statement("read_role_newest_holders"), wanted).fetchall()
        total = rows[0][3] if rows else 0
        behind = not_folded(asked.connection).sentence
        doubts = [] if behind is None else [behind]
        many = plural(total, "member")
        found = [(user_id, HeldRole(role, at, by)) for user_id, at, by, _ in rows]
        path, order = f"/roles/{in_segment(role)}", "the newest first"
    else:
        page = page_of_holders_then(asked.connection, role, moment, asked.answers.catalogue, limit=HOLDERS)
        total, many, found = page.total, page.total_words, [(each.user_id, each.held) for each in page.found]
        path, order = f"/roles/{in_segment(role)}?as_of={quote(moment.as_of.isoformat())}", "by id"
        doubts = still_to_come(moment.as_of, asked.answers.clock())
        doubts += caveats.of_holders(asked.connection, asked.directory, role, moment, found=bool(total))
    names = asked.answers.names({user_id for user_id, _ in found} | {each.granted_by or "" for _, each in found} - {""})
    then = "hold" if moment.as_of is None else f"held, {instant(moment.as_of)},"
    lines = [f"{many} {then} {asked.label(role)}{f', {order}' if total > 1 else ''}"]
    lines += map(warning, doubts)
    lines += [f"• {person(user_id, names)} {asked.held(held, names)}" for user_id, held in found]
    lines += _rest(total, len(found), None if moment.as_of is None else MOST_COUNTED)
    return lines, path


def _changes(asked: _Asked, question: SlashQuestion) -> Answered:
    role, now = str(question.role), asked.answers.clock()
    since = now - A_WEEK if question.since is None else _time(question.since, beginning)
    if since > now:
        raise BadDay("that day has not come yet")
    earlier, later = before(since), AsOf(now)
    found = role_difference(asked.connection, role, earlier, later, asked.answers.catalogue, newest=CHANGED)
    doubts = caveats.of_difference(asked.connection, asked.directory, role, earlier, later)
    people = {each.user_id for each in (*found.gained, *found.lost)} | {
        by or ""
        for each in (*found.gained, *found.lost)
        for by in (each.held.granted_by, each.end and each.end.ended_by)
    }
    names = asked.answers.names(people - {""})
    lines = [f"{asked.label(role)} since {instant(since)}", *map(warning, doubts)]
    lines.append(f"{found.gained_words} gained it" + (":" if found.gained else ""))
    lines += [f"• {person(each.user_id, names)} {asked.held(each.held, names)}" for each in found.gained[::-1]]
    lines += _rest(found.total_gained, len(found.gained), MOST_CHANGED)
    lines.append(f"{found.lost_words} lost it" + (":" if found.lost else ""))
    lines += [f"• {person(each.user_id, names)} {_lost(asked, each, names)}" for each in found.lost[::-1]]
    lines += _rest(found.total_lost, len(found.lost), MOST_CHANGED)
    return lines, f"/roles/{in_segment(role)}/diff?from={quote(since.isoformat())}"


def _lost(asked: _Asked, lost: RoleHolding, names: Names) -> str:
    had = f"had it {asked.held(lost.held, names)}"
    if lost.end is None:
        return had
    ending = "ended" if lost.end.ending is None else escaped(lost.end.ending)
    return f"{ending}{asked.by(lost.end.ended_by, names)} {instant(lost.end.event.occurred_at)}, {had}"


def _why(asked: _Asked, question: SlashQuestion) -> Answered:
    who, role = str(question.who), str(question.role)
    require_member(asked.connection, who)
    history = role_history(asked.connection, role, AsOf(), asked.answers.catalogue, newest=STEPS, user_ids=[who])
    steps = history.steps[::-1]
    subject = person(who, asked.answers.names([who]))
    if not steps:
        return [f"{subject} never had {asked.label(role)}, as far as the ledger goes."], f"/members/{in_segment(who)}"
    lines = asked.happened([AttributedEvent(each.event, each.attribution) for each in steps])
    head = f"{subject} and {asked.label(role)}, the newest first:"
    return [head, *lines], f"/members/{in_segment(who)}"


def _mismatches(asked: _Asked, question: SlashQuestion) -> Answered:
    lines: list[str] = []
    for page in asked.answers.sources.pages(asked.connection):
        tables = [each for each in page.tables if any(column.kind is CellKind.PERSON for column in each.columns)]
        lines += [f"**{escaped(page.title)}**"] if tables or page.notes else []
        for table in tables:
            lines += _of_table(asked, table)
        lines += [f"*{escaped(note, 300)}*" for note in page.notes]
    return lines or ["No source of this ledger compares what is paid with what is held."], "/"


def _of_table(asked: _Asked, table: SourceTable) -> list[str]:
    if not table.rows:
        return [f"{escaped(table.title)}: {escaped(table.empty)}"]
    people = {
        str(row[column.name])
        for row in table.rows[:MISMATCHED]
        for column in table.columns
        if column.kind is CellKind.PERSON and row.get(column.name)
    }
    names = asked.answers.names(people)
    lines = [f"{escaped(table.title)}: {len(table.rows):,}"]
    for row in table.rows[:MISMATCHED]:
        cells = (_cell(asked, column.kind, row.get(column.name), names) for column in table.columns)
        lines.append(f"• {', '.join(each for each in cells if each)}")
    return lines + _rest(len(table.rows), len(table.rows[:MISMATCHED]))


def _cell(asked: _Asked, kind: CellKind, value: object, names: Names) -> str:
    if value is None or value == "":
        return ""
    match kind:
        case CellKind.PERSON:
            actor = asked.answers.sources.actors.get(str(value))
            return person(str(value), names) if actor is None else escaped(actor.name)
        case CellKind.ROLE:
            return asked.label(str(value))
        case CellKind.TIME if isinstance(value, datetime):
            return instant(value)
        case _:
            return escaped(str(value))


def _rest(total: int, shown: int, most: int | None = None) -> list[str]:
    """*most*: no more than so many are counted."""
    if most is not None and total > most:
        return ["… and more"]
    return [f"… and {total - shown:,} more"] if total > shown else []


_BRANCHES: Final[Mapping[str, Callable[[_Asked, SlashQuestion], Answered]]] = {
    "member": _member,
    "role": _role,
    "changes": _changes,
    "why": _why,
    "mismatches": _mismatches,
}
