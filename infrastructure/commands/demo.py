"""`temple demo`: the history of a community that never was."""

from datetime import UTC, datetime
from pathlib import Path

import click

from temple_ledger.infrastructure.demo import DEFAULT_END, Community, write_history
from temple_ledger.infrastructure.log.output_file import replaced
from temple_ledger.infrastructure.terminal.file_arguments import FileToWrite
from temple_ledger.infrastructure.terminal.printing import OutputStream, print_note

SEED = 1


def sized(members: int | None, events: int | None, seed: int) -> Community:
    """Raises BadParameter for sizes that make no community."""
    try:
        return Community.sized(seed=seed, members=members, events=events)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--members and --events") from None


@click.command("demo")
@click.option("--members", type=click.IntRange(min=1), help="Discord accounts; by default a twentieth of the events.")
@click.option("--events", type=click.IntRange(min=1), help="Lines, duplicates included; by default 20 for each member.")
@click.option("--seed", type=int, default=SEED, show_default=True, help="Another seed, another community.")
@click.option(
    "--end", type=click.DateTime(["%Y-%m-%d"]), default=f"{DEFAULT_END:%Y-%m-%d}", show_default=True,
    help="The same history, moved to the two years before this day, in UTC.",
)  # fmt: skip
@click.option("--malformed", type=click.IntRange(min=0), default=0, help="So many lines more that no import takes.")
@click.option(
    "-o", "--output", type=FileToWrite(stdout=True), default="-",
    help="Write to this file, not to stdout.",
)  # fmt: skip
def command(members: int | None, events: int | None, seed: int, end: datetime, malformed: int, output: Path) -> None:
    """Write the history of a community as JSON lines: always the same one for the same numbers.

    Joins and leaves, roles given and taken, Patreon memberships over two years; some lines
    come late, some twice. Without numbers it has 1,000 members and 20,000 lines.

    \b
    Example:
      temple demo --events 200000 --malformed 20 -o demo.jsonl
      temple events import demo.jsonl
    """
    community, end = sized(members, events, seed), end.replace(tzinfo=UTC)
    if str(output) == "-":
        write_history(community, OutputStream(), malformed=malformed, end=end)
        return
    with replaced(output) as file:
        written = write_history(community, file, malformed=malformed, end=end)
    print_note(f"wrote {written + malformed:,} lines to {output}")
