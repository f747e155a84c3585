"""docs/performance.md: a section for each benchmark, between markers that are ours; the rest is written by hand."""

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def write_section(page: Path, bench: str, text: str, *, full: bool) -> bool:
    """Whether it was written: a trial never replaces the figures of a full run.

    A section that is not there yet comes at the end.
    """
    before = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    section = f"{_begin(bench, full)}\n{text}{_end(bench)}"
    pattern = re.compile(
        rf"{re.escape(_begin(bench, True))}.*?{re.escape(_end(bench))}"
        rf"|{re.escape(_begin(bench, False))}.*?{re.escape(_end(bench))}",
        re.DOTALL,
    )
    found = pattern.search(before)
    if found is None:
        after = f"{before.rstrip()}\n\n{section}\n"
    elif found[0].startswith(_begin(bench, True)) and not full:
        return False
    else:
        after = before[: found.start()] + section + before[found.end() :]
    page.write_text(after, encoding="utf-8")
    return True


def _begin(bench: str, full: bool) -> str:
    return f"<!-- bench {bench}: {'measured' if full else 'trial'}; written by ./temple bench {bench} -->"


def _end(bench: str) -> str:
    return f"<!-- bench {bench}: end -->"
