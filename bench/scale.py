"""The model of scale: what a log of any length takes, from figures that were measured. `python -m bench.scale`.

Each line is an input times a number of events, and nothing cleverer: where the figures are measured anew, give them as
options, and the table of docs/scaling.md is made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import click

BASE: Final = 50_000_000
"""Events of a large community after ten years."""
TIMES: Final = (1, 10, 100, 1_000)
HOUR, DAY = 3_600.0, 86_400.0
ACCOUNTED: Final = 2
"""Of a machine's cores, so many are the server's and everybody else's."""


@dataclass(frozen=True)
class Inputs:
    """Measured on 2 cores with nothing else at work; times are of CPU. docs/scaling.md says by what."""

    bytes_in_database: float = 497
    bytes_in_archive: float = 43.7
    fold_micros_database: float = 3.1
    fold_micros_archive: float = 4.6
    server_micros_database: float = 2.1
    server_micros_a_member: float = 15.8
    events_a_member: float = 20
    steps_a_second: float = 59_000
    archive_write_a_second: float = 387_000
    archive_verify_a_second: float = 3_480_000
    restore_a_second: float = 82_000
    cores: int = 16
    machines: int = 4


@dataclass(frozen=True)
class Row:
    """A line of the table, with a cell for each length."""

    what: str
    cells: tuple[str, ...]


def table(inputs: Inputs, base: int = BASE, times: Sequence[int] = TIMES) -> str:
    """Markdown."""
    events = [base * each for each in times]
    rows = [
        Row("in PostgreSQL", tuple(size(each * inputs.bytes_in_database) for each in events)),
        Row("in the archive", tuple(size(each * inputs.bytes_in_archive) for each in events)),
        Row("appended a second, over ten years", tuple(f"{each / (10 * 365 * DAY):,.1f}" for each in events)),
        Row(
            "of what one runner folds", tuple(share(each / (10 * 365 * DAY), inputs.steps_a_second) for each in events)
        ),
        Row("archive written from nothing", tuple(span(each / inputs.archive_write_a_second) for each in events)),
        Row("archive verified", tuple(span(each / inputs.archive_verify_a_second) for each in events)),
        Row("restored from the archive", tuple(span(each / inputs.restore_a_second) for each in events)),
        Row("replay from the database, 2 workers", tuple(span(from_database(inputs, each, 2)) for each in events)),
        Row(
            f"replay from the archive, one machine of {inputs.cores} cores",
            tuple(span(from_archive(inputs, each, inputs.cores)) for each in events),
        ),
        Row(
            f"replay from the archive, Ray on {inputs.machines} of them",
            tuple(span(from_archive(inputs, each, inputs.cores * inputs.machines)) for each in events),
        ),
    ]
    heading = ["events", *(f"{each:,}" for each in events)]
    lines = [heading, ["---", *("---:" for _ in events)], *([row.what, *row.cells] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def from_database(inputs: Inputs, events: int, workers: int) -> float:
    """The server works beside the workers, on the same machine or another one."""
    return max(events * inputs.fold_micros_database / workers, events * inputs.server_micros_database) / 1e6


def from_archive(inputs: Inputs, events: int, cores: int) -> float:
    """The one server writes the rows of all members, whoever has folded them."""
    written = events / inputs.events_a_member * inputs.server_micros_a_member
    return max(events * inputs.fold_micros_archive / max(1, cores - ACCOUNTED), written) / 1e6


def size(amount: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1_000:
            return f"{amount:,.1f} {unit}" if amount < 100 else f"{amount:,.0f} {unit}"
        amount /= 1_000
    return f"{amount:,.1f} PB"


def span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < 3 * DAY else f"{seconds / DAY:.1f} days"


def share(number: float, of: float) -> str:
    return f"{number / of:.2%}"


@click.command()
@click.option("--set", "given", multiple=True, metavar="NAME=NUMBER", help="An input as it was measured here.")
@click.option("--base", type=click.IntRange(1), default=BASE, show_default=True, help="Events of the first column.")
def main(given: Sequence[str], base: int) -> None:
    """The table of docs/scaling.md, from measured inputs."""
    inputs, names = Inputs(), {field.name: field.type for field in fields(Inputs)}
    for each in given:
        name, _, number = each.partition("=")
        if name not in names:
            raise click.UsageError(f"no input {name!r}; there are {', '.join(names)}")
        inputs = replace(inputs, **{name: type(getattr(inputs, name))(float(number))})
    click.echo(table(inputs, base))


if __name__ == "__main__":
    main()
