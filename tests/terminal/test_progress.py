"""A bar shows how much is done as soon as something is, and before that, that something is going on."""

import io

from rich.console import Console

from temple_ledger.infrastructure.terminal.progress import bar


def test_nothing_stands_at_no_percent() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    with bar(console, "folding", 1_000, "events") as work:
        begun = shown.getvalue()
        work.advance(500)
    assert "folding" in begun
    assert "%" not in begun
    assert "50%" in shown.getvalue()[len(begun) :]


def test_what_is_no_terminal_gets_no_bar() -> None:
    shown = io.StringIO()
    with bar(Console(file=shown), "folding", 1_000, "events") as work:
        work.advance(1_000)
    assert shown.getvalue() == ""
