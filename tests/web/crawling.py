"""Whoever follows every link of a console: where each leads, once of its kind or more often."""

import re
from collections import Counter, deque
from html.parser import HTMLParser
from typing import Final
from urllib.parse import parse_qsl, urldefrag, urlsplit

from starlette.routing import compile_path

from temple_ledger.infrastructure.web.routes import PAGES
from tests.web.conftest import Visitor

ROUTES: Final = [(each.path, compile_path(each.path)[0]) for each in PAGES]
LEADING: Final = ("href", "hx-get", "data-href")


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.found += [value for name in LEADING if tag != "link" and (value := values.get(name))]
        self.places.add(values.get("id") or "")


def kind_of(url: str) -> str:
    """The page and the names of its parameters, whatever their values; of an action, and of a list, which one."""
    split = urlsplit(url)
    page = next((path for path, pattern in ROUTES if pattern.match(split.path)), split.path)
    names = [f"{name}={value}" if name == "format" else name for name, value in parse_qsl(split.query)]
    return f"{split.path if page == '/actions/{name}' else page}?{'&'.join(sorted(names))}"


def broken_links(visitor: Visitor, *, of_a_kind: int) -> tuple[list[str], set[str]]:
    """What does not answer 200, with the page that has the link, and which kinds were tried; *of_a_kind* of each. A
    link to a place of a page leads to one that is there."""
    waiting, seen, tried = deque([("/", "the menu")]), {"/"}, Counter[str]()
    broken = []
    while waiting:
        url, source = waiting.popleft()
        path, place = urldefrag(url)
        if tried[kind_of(path) + bool(place) * f"#{place}"] == of_a_kind:
            continue
        tried[kind_of(path) + bool(place) * f"#{place}"] += 1
        answer = visitor.get(path)
        if answer.status != 200:
            broken.append(f"{url} of {source}: {answer.status}, {answer.words[-200:]}")
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        links = _Links()
        links.feed(answer.text)
        if place and place not in links.places:
            broken.append(f"{url} of {source}: there is no such place")
        for link in links.found:
            assert re.match(r"[/#?]", link), (url, link)
            whole = f"{path}{link}" if link.startswith("#") else link
            if whole not in seen and link != "#main":
                seen.add(whole)
                waiting.append((whole, url))
    return broken, set(tried)
