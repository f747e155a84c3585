"""docs/programs.md: what a bot does with a ledger, once and again."""

import asyncio
from datetime import date

from temple_ledger import AsyncLedger, LedgerScenario, at
from temple_ledger.infrastructure.database.connection import Database
from tests.examples.lending_bot import Command, borrowers, lend


async def lent(dsn: str, scenario: LedgerScenario, *commands: Command) -> list[str]:
    async with AsyncLedger(dsn, projections=[borrowers]) as ledger:
        answers = []
        for command in commands:
            answering = asyncio.create_task(lend(ledger, command, date(2026, 3, command.message_id)))
            while not answering.done():
                await asyncio.to_thread(scenario.catch_up)
            answers.append(await answering)
        return answers


def test_the_answer_has_what_was_just_said_and_a_repeated_message_lends_nothing(database: Database) -> None:
    scenario = LedgerScenario(database, projections=[borrowers])
    dune, emma = (Command(number, 5000, at(number), book) for number, book in ((2, "dune"), (1, "emma")))
    assert asyncio.run(lent(database.dsn, scenario, dune, emma, emma)) == [
        "you have 1 books, the first is due on 2026-03-02",
        *["you have 2 books, the first is due on 2026-03-01"] * 2,
    ]
