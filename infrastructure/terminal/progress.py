"""A bar for long work: on stderr, and only where somebody watches."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Bar:
    """How much of the work is done, and how many things that were."""

    def __init__(self, progress: Progress, task: TaskID, total: int | None) -> None:
        self._progress = progress
        self._task = task
        self._total = total
        self._done = 0

    def advance(self, number: int) -> None:
        self.at(self._done + number)

    def at(self, done: int, *, count: int | None = None) -> None:
        """*count* where what is counted is not what the total measures: lines and bytes, for one."""
        self._done = done
        self._progress.update(self._task, total=self._total, completed=done, count=done if count is None else count)


@contextmanager
def bar(console: Console, what: str, total: int | None, unit: str) -> Iterator[Bar]:
    """With no *total*, and until something is done, it only shows that something is going on: a first step may take
    half a minute, and would stand at 0 % for as long.

    It is gone when the work is done: what came of it is said in a sentence. What is not a terminal gets
    nothing, so that logs hold no bars.
    """
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        _Count(unit),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield Bar(progress, progress.add_task(what, total=None, count=0), total)


class _Count(ProgressColumn):
    """`12,000 events, 24,000/s`."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        count, seconds = task.fields["count"], task.elapsed
        rate = f", {count / seconds:,.0f}/s" if seconds else ""
        return Text(f"{count:,} {self._unit}{rate}")
