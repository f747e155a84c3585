"""The commands that README, CONTRIBUTING, docs, runbooks and decisions show, as somebody would paste them.

In a block: what follows a `$ `, and a line that begins with temple or ./temple, up to a comment or two spaces. In a
sentence or a table: `temple …`. A comment says how it ends: `# exits 3`; without one it is 0. Lines after a `$ ` are
what it says, or part of that.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FENCE: Final = re.compile(r"^ *```")
INDENTED: Final = re.compile(r"^ {2,}(\./temple .*|temple .*)$")
SPAN: Final = re.compile(r"`((?:\./)?temple [^`]+)`", re.DOTALL)
EXITS: Final = re.compile(r"#.*\bexits (\d+)")


@dataclass(frozen=True)
class Shown:
    """`inline`: in a sentence or a table, where it may be just the name of a command."""

    file: str
    line: int
    text: str
    code: int = 0
    inline: bool = False
    says: tuple[str, ...] = ()

    def missing_in(self, said: str) -> list[str]:
        """What the page has it say and it did not: numbers and spaces apart, which differ from day to day."""
        plain = [_plain(line) for line in said.splitlines()]
        return [line for line in self.says if not any(_plain(line) in each for each in plain)]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.text}"


def documents() -> list[Path]:
    docs = ROOT / "docs"
    pages = [sorted(folder.glob("*.md")) for folder in (docs, docs / "runbooks", docs / "decisions")]
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *chain.from_iterable(pages)]


def shown_in(file: Path) -> Iterator[Shown]:
    name, text = str(file.relative_to(ROOT)), file.read_text()
    outside: list[str] = []
    inside = False
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if FENCE.match(line):
            inside = not inside
            outside.append("")
            continue
        found = _in_block(line) if inside else None
        if found is None and not inside:
            indented = INDENTED.match(line)
            found = indented.group(1) if indented else None
        if found is not None:
            yield _shown(name, number, found, says=_output(lines[number:]) if line.startswith("$ ") else ())
        outside.append("" if inside or found is not None else line)
    for span in SPAN.finditer("\n".join(outside)):
        number = "\n".join(outside)[: span.start()].count("\n") + 1
        yield _shown(name, number, " ".join(span.group(1).split()), inline=True)


def _output(lines: list[str]) -> tuple[str, ...]:
    """What stands before the next command, or the end of the block."""
    end = next(place for place, line in enumerate(lines) if line.startswith("$ ") or FENCE.match(line))
    return tuple(line for line in lines[:end] if line.strip())


def _plain(line: str) -> str:
    return re.sub(r"[\d.,:]+", "0", " ".join(line.split()))


def _in_block(line: str) -> str | None:
    if line.startswith("$ "):
        return line[2:]
    stripped = line.strip()
    return stripped if stripped.startswith(("./temple ", "temple ")) else None


def _shown(file: str, line: int, text: str, *, inline: bool = False, says: tuple[str, ...] = ()) -> Shown:
    code = EXITS.search(text)
    command = re.sub(r"( +#| {2,}).*$", "", text.strip())
    return Shown(file, line, command.removeprefix("./"), int(code.group(1)) if code else 0, inline, says)
