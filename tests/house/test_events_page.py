"""docs/events.md has every event of the catalogue, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

from temple_ledger.domain.catalogue import CATALOGUE

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
ROW = re.compile(r"^\| `(\w+)` / ((?:`\w+`(?:, )?)+) \|", re.MULTILINE)


def on_the_page() -> Iterator[str]:
    for event_type, actions in ROW.findall(PAGE.read_text()):
        for action in re.findall(r"\w+", actions):
            yield f"{event_type}/{action}"


def test_the_table_of_events_is_the_catalogue() -> None:
    assert sorted(on_the_page()) == sorted(each.name for each in CATALOGUE)
