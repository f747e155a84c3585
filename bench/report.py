"""Findings as Markdown, for the terminal and for the page alike, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence

from bench.findings import Findings, Goal, Series
from bench.machine import Machine
from bench.sizes import Sizes


def as_markdown(findings: Findings, machine: Machine, sizes: Sizes, command: str) -> str:
    return "\n".join(_lines(findings, machine, sizes, command)) + "\n"


def as_data(findings: Findings) -> Mapping[str, object]:
    return {
        "bench": findings.bench,
        "title": findings.title,
        "series": [_series_data(series) for series in findings.series],
        "goals": [
            {
                **_series_data(goal.series),
                "target": goal.target,
                "aim": goal.aim,
                "at_least": goal.at_least,
                "met": goal.met,
            }
            for goal in findings.goals
        ],
        "notes": list(findings.notes),
        "load_average": list(findings.load),
    }


def figures(found: Sequence[Findings]) -> Mapping[str, object]:
    """Every figure with a goal, by a name that stays."""
    return {
        f"{findings.bench}.{goal.key}": {
            "value": goal.series.median,
            "unit": goal.series.unit,
            "target": goal.target,
            "aim": goal.aim,
            "at_least": goal.at_least,
            "met": goal.met,
        }
        for findings in found
        for goal in findings.goals
    }


def machine_data(machine: Machine) -> Mapping[str, object]:
    return {
        "machine": str(machine),
        "versions": dict(machine.versions),
        "load_average": machine.load,
        "begun_at": machine.begun_at.isoformat(timespec="seconds"),
    }


def _lines(findings: Findings, machine: Machine, sizes: Sizes, command: str) -> Iterator[str]:
    judged = sizes.full and not machine.in_memory
    yield f"## {findings.title}"
    yield ""
    if not sizes.full:
        yield (
            "> **A trial at small sizes.** These figures show that the benchmark runs; they are not to be quoted, and "
            "no target is judged by them. The full run writes over them."
        )
        yield ""
    if machine.in_memory:
        yield f"> **The data lay on {machine.file_system}**, where fsync costs nothing: not to be quoted."
        yield ""
    yield findings.how
    yield ""
    yield from _table(
        ("goal", "median", "spread", "target", "aim", "reached"),
        [_goal_row(goal, judged=judged) for goal in findings.goals],
    )
    yield ""
    yield from _table(("measured", "median", "spread"), list(map(_series_row, findings.series)))
    yield ""
    for note in findings.notes:
        yield note
        yield ""
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    load = f"{min(findings.load):.1f} to {max(findings.load):.1f}" if findings.load else "unknown"
    rounds = findings.rounds or sizes.rounds
    yield (
        f"`{command}`, {machine.begun_at:%Y-%m-%d %H:%M} UTC, {rounds} rounds, medians, spread from least to "
        f"greatest. {machine}; {versions}. Load average before the run {machine.load:.1f}, before its rounds {load}, "
        "of which the benchmark itself makes a part."
    )


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Padded, so that it reads well as text too."""
    lines = [titles, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(titles))]
    for number, line in enumerate(lines):
        cells = [
            cell.rjust(width) if place and _is_figure(titles[place]) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            rules = [
                "-" * (width + 1) + (":" if place and _is_figure(titles[place]) else "-")
                for place, width in enumerate(widths)
            ]
            yield f"|{'|'.join(rules)}|"


def _is_figure(title: str) -> bool:
    return title != "reached"


def _goal_row(goal: Goal, *, judged: bool) -> Sequence[str]:
    sign = "≥" if goal.at_least else "≤"
    unit = goal.series.unit
    return (
        *_series_row(goal.series),
        f"{sign} {goal.target:g} {unit}",
        "–" if goal.aim is None else f"{goal.aim:g} {unit}",
        goal.verdict if judged else "not judged",
    )


def _series_row(series: Series) -> Sequence[str]:
    least, greatest = series.spread
    return series.name, f"{_figure(series.median)} {series.unit}", f"{_figure(least)} – {_figure(greatest)}"


def _figure(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _series_data(series: Series) -> Mapping[str, object]:
    return {"name": series.name, "unit": series.unit, "median": series.median, "values": list(series.values)}
