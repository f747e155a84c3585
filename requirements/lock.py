"""What requirements/*.txt pin."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
PROJECT: Final = FOLDER.parent / "pyproject.toml"
RUN, DEV = FOLDER / "run.txt", FOLDER / "dev.txt"
_PINNED: Final = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\\n]+?))?(?: \\)?$"
)
_HASH: Final = re.compile(r"^ {4}--hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?$")
_VIA: Final = re.compile(r"^ {4}#(?: via)?\s+(?P<by>\S.*)$")


@dataclass(frozen=True)
class Pinned:
    """`marker`: where it is installed at all; `via`: what asks for it."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    via: tuple[str, ...]


class Unlocked(ValueError):
    """A line that is no pin, no hash and no remark."""


def pinned(file: Path) -> Mapping[str, Pinned]:
    """By name, in the order of the file. Raises Unlocked."""
    found: dict[str, Pinned] = {}
    name, version, marker = "", "", None
    hashes: list[str] = []
    via: list[str] = []

    def put() -> None:
        if name:
            found[name] = Pinned(name, version, marker, tuple(hashes), tuple(via))

    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if pin := _PINNED.match(line):
            put()
            name, version, marker = pin["name"], pin["version"], pin["marker"]
            hashes, via = [], []
        elif digest := _HASH.match(line):
            hashes.append(digest["digest"])
        elif (by := _VIA.match(line)) and by["by"].strip() != "via":
            via.append(by["by"].strip())
        elif line.strip() not in ("", "# via") and not line.startswith("#"):
            raise Unlocked(f"{file.name}, line {number}: neither a pin with a version nor a hash: {line[:80]}")
    put()
    return found


def shipped() -> Mapping[str, Pinned]:
    """What an installation gets: what is needed, and what the extras add."""
    found = dict(pinned(RUN))
    others = {name: each for name, each in pinned(DEV).items() if name not in found}
    added = {name for name in declared("extras") if name in others}
    while more := {name for name, each in others.items() if added & set(each.via)} - added:
        added |= more
    return {**found, **{name: each for name, each in others.items() if name in added}}


def declared(kind: str) -> list[str]:
    """The names in pyproject.toml: `run`, `extras`, `dev` or `build`."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    groups = {
        "run": [project["project"]["dependencies"]],
        "extras": project["project"]["optional-dependencies"].values(),
        "dev": project["dependency-groups"].values(),
        "build": [project["build-system"]["requires"]],
    }
    return [re.split(r"[^A-Za-z0-9._-]", each)[0].replace(".", "-").lower() for group in groups[kind] for each in group]
