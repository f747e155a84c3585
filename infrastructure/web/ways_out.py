"""Where in the console a trouble is looked into: the page that stands for what a terminal would be given."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

from temple_ledger.infrastructure.names.segment import in_segment


class WayOut(NamedTuple):
    words: str
    url: str


def way_out(command: str, may_act: bool) -> WayOut | None:
    """*may_act*: the reader has buttons. None where the console has nothing for what *command* does."""
    words = command.split()
    for length in (3, 2):
        made = PAGES.get(" ".join(words[:length]))
        if made is not None:
            return made(_name(words[length:]), may_act)
    return None


def _name(rest: list[str]) -> str:
    """What stands right behind the command; empty where that is an option, or nothing."""
    return rest[0] if rest and not rest[0].startswith("-") else ""


def _page(words: str, url: str) -> Callable[[str, bool], WayOut]:
    return lambda _, __: WayOut(words, url)


def _action(words: str, action: str) -> Callable[[str, bool], WayOut | None]:
    """A button for whoever may press it; for others the page that says how the projection is."""

    def made(name: str, may_act: bool) -> WayOut | None:
        if not name:
            return None
        if may_act:
            return WayOut(words, f"/actions/{action}?{urlencode({'projection': name})}")
        return WayOut("Look at it", f"/projections/{in_segment(name.partition('@')[0])}")

    return made


PAGES: Final[Mapping[str, Callable[[str, bool], WayOut | None]]] = {
    "temple inbox list": _page("Look at them", "/inbox?state=failed"),
    "temple inbox sources": _page("Look at the inbox", "/inbox"),
    "temple failures list": _page("Look at them", "/projections#parked"),
    "temple effects list": _page("Look at them", "/projections#leaving"),
    "temple feed list": _page("Look at it", "/projections#leaving"),
    "temple seal verify": _page("What was found", "/verify"),
    "temple verify": _page("Look at it", "/verify"),
    "temple projection resume": _action("Resume", "resume"),
    "temple repair": _action("Compare and repair", "repair-preview"),
    "temple replay": _action("Replay", "replay-preview"),
}
