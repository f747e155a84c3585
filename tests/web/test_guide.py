"""docs/for-moderators.md has its pictures, and calls by name what a page calls so."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from tests.web.conftest import ADA, EVE, SEER, Visitor

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs" / "for-moderators.md").read_text()
PAGES: Final = (
    *("/", "/members", f"/members/{ADA}", f"/members/{ADA}?as_of=2026-01-01", "/roles", f"/roles/{SEER}"),
    *(f"/roles/{SEER}/diff", "/patreon", "/events", f"/events?by={EVE}", "/operations"),
)


class _Named(HTMLParser):
    """What a reader may look for: the whole text of an element, or what stands in an empty field."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts.add(dict(attrs).get("placeholder") or "")
        if tag not in ("input", "meta", "link", "br", "rect", "path", "circle"):
            self._open.append("")

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            self.texts.add(" ".join(self._open.pop().split()))

    def handle_data(self, data: str) -> None:
        self.texts.add(data.strip())
        self._open = [each + data for each in self._open]


def test_every_picture_is_there_and_every_one_is_shown() -> None:
    shown = re.findall(r"!\[[^]]+\]\((pictures/[\w-]+\.png)\)", GUIDE)
    assert sorted(shown) == sorted(f"pictures/{file.name}" for file in (ROOT / "docs" / "pictures").iterdir())


def test_what_it_calls_by_name_is_called_so_on_a_page(reader: Visitor) -> None:
    there = _Named()
    for page in PAGES:
        there.feed(reader.get(page).text)
    named = set(re.findall(r"(?<!\*)\*(\w[^*\n]*?)\*(?!\*)", GUIDE))
    assert len(named) > 15
    assert sorted(named - there.texts) == []
