"""`.venv/bin/python -m tests.reach [CHANGES]`: effects and feed under kills, at length (100,000 changes by default).

Prints the seed first: the same one draws the same events and victims, though not the same moments.
"""

import random
import sys
import tempfile
from pathlib import Path

import click

from tests.crashing import crashing_server
from tests.reach.storm import storm


@click.command()
@click.argument("changes", type=int, default=100_000)
@click.option("--seed", type=int, default=None)
@click.option("--kill-after", type=int, default=250, show_default=True, metavar="EVENTS")
@click.option("--crash-after", type=int, default=4_000, show_default=True, metavar="EVENTS")
def main(changes: int, seed: int | None, kill_after: int, crash_after: int) -> None:
    seed = random.randrange(1_000_000) if seed is None else seed
    click.echo(f"seed {seed}")
    with crashing_server() as server, tempfile.TemporaryDirectory() as folder:
        found = storm(
            server,
            "crashing",
            Path(folder),
            changes=changes,
            kill_after=kill_after,
            crash_after=crash_after,
            seed=seed,
        )
    killed = ", ".join(f"{name} {number}" for name, number in sorted(found.killed.items()))
    click.echo(f"{found.changes:,} changes in {found.seconds:,.0f} s; killed: {killed}")
    click.echo(f"delivered again: {found.delivered_again:,}; read again: {found.copied_again:,}; missed, twice: none")


if __name__ == "__main__":
    sys.exit(main())
