"""A bot that lends books: it appends what happened, waits until the row has it, and answers with the row."""

from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from temple_ledger import AsyncLedger, Event, Row, Target, projection

LOANS = UUID("3f0f4c52-8f0e-4a54-9a43-5f4c0f3d8a11")


class BookLent(Event, type="library/lent"):
    book: Target
    due: date


class Borrower(Row, table="example_borrowers"):
    loans: int = 0
    next_due: date | None = None


borrowers = projection("borrowers", version=1, state=Borrower)


@borrowers.on
def _(row: Borrower, event: BookLent) -> Borrower:
    due = event.due if row.next_due is None else min(row.next_due, event.due)
    return row.replace(loans=row.loans + 1, next_due=due)


class Command(NamedTuple):
    """What the bot needs of a message; discord.py has the same in `message.id`, `.author.id` and `.created_at`."""

    message_id: int
    author_id: int
    created_at: datetime
    book: str


async def lend(ledger: AsyncLedger, command: Command, due: date) -> str:
    member = str(command.author_id)
    event = BookLent(user_id=member, occurred_at=command.created_at, source="library-bot", book=command.book, due=due)
    appended = await ledger.append(event, event_id=uuid5(LOANS, str(command.message_id)))
    await ledger.wait(appended.position, projection="borrowers")
    [row] = (await ledger.rows("borrowers", member))["example_borrowers"]
    return f"you have {row['loans']} books, the first is due on {row['next_due']}"
