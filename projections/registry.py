"""Which projections and event types there are: ours, and those of installed packages, found by entry point."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import ProjectionMisdeclared, UnknownName
from temple_ledger.projections.packages import Loaded, NotLoaded, load
from temple_ledger.projections.processor import Projection

PROJECTIONS: Final = "temple_ledger.projections"
"""Entry points of this group name a MemberProjection or a Tally."""

EVENTS: Final = "temple_ledger.events"
"""Entry points of this group name a list of event classes, or of EventType: they belong to the catalogue too."""


@cache
def loaded() -> Loaded:
    return load(entry_points(group=EVENTS), entry_points(group=PROJECTIONS))


def installed() -> Mapping[str, Projection]:
    """Those that could be loaded, by name, ours first; of several versions the highest."""
    return loaded().projections


def carried() -> Sequence[Projection]:
    """The same, every version that this process has the code of."""
    return loaded().carried


def catalogue() -> Catalogue:
    """Our event types, those of the packages that could be loaded, and those that rules of theirs read."""
    return loaded().catalogue


def not_loaded() -> Sequence[NotLoaded]:
    """What this process cannot load, and therefore neither folds nor verifies."""
    return loaded().failed


def reasons_not_loaded() -> Mapping[str, str]:
    """Of the projections among them, by name."""
    return {each.name: each.reason for each in not_loaded() if each.kind == "projection"}


def versions_named(text: str) -> Sequence[Projection]:
    """NAME is all versions of it that this process carries, the highest first; NAME@VERSION is one.

    Raises as `named`.
    """
    name, at, version = text.partition("@")
    found = sorted((each for each in carried() if each.name == name), key=lambda each: -each.version)
    if not at:
        return found or [named(name)]
    for each in found:
        if str(each.version) == version:
            return [each]
    raise UnknownName("version of a projection in this installation", text, tuple(str(each.key) for each in found))


def named(text: str) -> Projection:
    """NAME or NAME@VERSION; without a version the highest.

    Raises ProjectionMisdeclared for one that cannot be loaded, UnknownName with near names.
    """
    if "@" in text:
        return versions_named(text)[0]
    name = text
    try:
        return installed()[name]
    except KeyError:
        for failed in not_loaded():
            if failed.kind == "projection" and failed.name == name:
                raise ProjectionMisdeclared(str(failed)) from None
        near = get_close_matches(name, installed(), n=3, cutoff=0.5)
        raise UnknownName("projection", name, tuple(near or sorted(installed()))) from None
