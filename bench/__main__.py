"""`./temple bench`: measures, prints, and writes docs/performance.md."""

import json
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Final

import click

from bench import (
    append,
    changes,
    console,
    dashboards,
    deleted_role,
    erasing,
    fleet,
    importing,
    lanes,
    latency,
    listener,
    live,
    memory,
    one_member,
    patreon_snapshot,
    readers,
    rebuild,
    rebuild_growth,
    receiver,
    seals,
    short_form,
    snapshot,
    soak,
    start,
    switching,
)
from bench.bench import Bench
from bench.findings import Findings
from bench.machine import machine
from bench.page import PAGE, write_section
from bench.report import as_data, as_markdown, figures, machine_data
from bench.site import open_site
from bench.sizes import QUICK, Sizes
from temple_ledger.infrastructure.archive.extra import require_extra
from temple_ledger.infrastructure.observability.logging import log_to_stderr


def _archive(bench: Bench) -> Findings:
    """Needs packages that the other benchmarks do not need."""
    require_extra("archive")
    from bench import archive

    return archive.measure(bench)


def _archive_workers(bench: Bench) -> Findings:
    """Needs Ray besides."""
    require_extra("archive")
    require_extra("ray")
    from bench import archive_workers

    return archive_workers.measure(bench)


BENCHES: Final[Mapping[str, Callable[[Bench], Findings]]] = {
    "live": live.measure,
    "changes": changes.measure,
    "append": append.measure,
    "import": importing.measure,
    "latency": latency.measure,
    "lanes": lanes.measure,
    "memory": memory.measure,
    "one_member": one_member.measure,
    "rebuild": rebuild.measure,
    "rebuild_growth": rebuild_growth.measure,
    "archive": _archive,
    "archive_workers": _archive_workers,
    "fleet": fleet.measure,
    "readers": readers.measure,
    "switching": switching.measure,
    "receiver": receiver.measure,
    "listener": listener.measure,
    "deleted_role": deleted_role.measure,
    "seals": seals.measure,
    "erasing": erasing.measure,
    "short_form": short_form.measure,
    "snapshot": snapshot.measure,
    "patreon_snapshot": patreon_snapshot.measure,
    "dashboards": dashboards.measure,
    "console": console.measure,
    "start": start.measure,
    "soak": soak.measure,
}
BY_NAME_ALONE: Final = frozenset({"soak"})
"""Takes an hour, and is not part of all."""


@click.command("bench")
@click.argument("names", nargs=-1, type=click.Choice([*BENCHES, "all"]))
@click.option("--events", type=click.IntRange(1_000), help="Rows of the log. [default: 300000]")
@click.option("--members", type=click.IntRange(10), help="Members they are about. [default: 15000]")
@click.option("--minutes", type=click.FloatRange(min=0.2), help="How long `soak` takes. [default: 60]")
@click.option("--rounds", type=click.IntRange(1), help="How often each contender has its turn. [default: 3]")
@click.option(
    "--quick",
    is_flag=True,
    help="Small sizes, to see that it runs: a few minutes, and figures that say little.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the findings there, too.",
)
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(tempfile.gettempdir()),
    help="Where the throw-away database lies; on the disk that is to be measured. "
    "[default: the system's for temporary files]",
)
def main(
    names: Sequence[str],
    events: int | None,
    members: int | None,
    minutes: float | None,
    rounds: int | None,
    quick: bool,
    json_file: Path | None,
    directory: Path,
) -> None:
    """Measure against named peers, on a throw-away server with fsync on; all benchmarks but soak, or those named.

    Findings go to stdout and into docs/performance.md; a run at smaller sizes than the targets speak of never
    replaces the figures of a full one. Give the machine nothing else to do meanwhile.

    \b
    Examples:
      ./temple bench
      ./temple bench live import --quick
      ./temple bench soak --minutes 15
    \b
    Exit codes: 0 measured; 3 measured at full size, and a target was missed.
    """
    signal.signal(signal.SIGTERM, _end)
    log_to_stderr("warning")
    everything = [name for name in BENCHES if name not in BY_NAME_ALONE]
    wanted = everything if not names or "all" in names else list(dict.fromkeys(names))
    sizes = _sizes(events, members, minutes, rounds, quick)
    given = {"--events": events, "--members": members, "--minutes": minutes, "--rounds": rounds}
    command = _command([] if wanted == everything else wanted, given, quick)
    found: list[Findings] = []
    with open_site(directory, _say) as site:
        here = machine(site)
        if here.in_memory:
            _say(f"{directory} is on {here.file_system}, where fsync costs nothing: give a --directory on a disk")
        bench = Bench(site, sizes, _say)
        for name in wanted:
            _say(f"{name}:")
            findings = BENCHES[name](bench)
            found.append(findings)
            text = as_markdown(findings, here, sizes, command)
            click.echo(text)
            if not write_section(PAGE, name, text, full=sizes.full and not here.in_memory):
                _say(f"{PAGE.name} keeps the figures of the full run")
            if json_file is not None:
                data = {
                    **machine_data(here),
                    "command": command,
                    "full": sizes.full,
                    "figures": figures(found),
                    "found": list(map(as_data, found)),
                }
                json_file.write_text(json.dumps({"data": data}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if sizes.full and not all(goal.met for findings in found for goal in findings.goals):
        sys.exit(3)


def _sizes(events: int | None, members: int | None, minutes: float | None, rounds: int | None, quick: bool) -> Sizes:
    sizes = QUICK if quick else Sizes()
    return replace(
        sizes,
        events=events or sizes.events,
        members=members or sizes.members,
        rounds=rounds or sizes.rounds,
        library_events=min(sizes.library_events, events or sizes.library_events),
        soak_minutes=minutes or sizes.soak_minutes,
        soak_members=members or sizes.soak_members,
    )


def _command(names: Sequence[str], given: Mapping[str, float | None], quick: bool) -> str:
    """As far as it decides what is measured: where files go is nobody's business."""
    words = ["./temple bench", *names, *(["--quick"] if quick else [])]
    return " ".join([*words, *(f"{option} {value:g}" for option, value in given.items() if value is not None)])


def _say(text: str) -> None:
    click.echo(text, err=True)


def _end(_: int, __: FrameType | None) -> None:
    """So that the server is stopped and removed."""
    sys.exit(143)


if __name__ == "__main__":
    main()
