"""docs/for-moderators.md has its pictures, and says what the pages say."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
GUIDE: Final = (ROOT / "docs" / "for-moderators.md").read_text()
TEMPLATES: Final = "".join(file.read_text() for file in (ROOT / "infrastructure" / "web" / "templates").glob("*.html"))


def test_every_picture_is_there_and_every_one_is_shown() -> None:
    shown = re.findall(r"!\[[^]]+\]\((pictures/[\w-]+\.png)\)", GUIDE)
    assert sorted(shown) == sorted(f"pictures/{file.name}" for file in (ROOT / "docs" / "pictures").iterdir())


def test_what_it_calls_by_name_is_called_so_on_a_page() -> None:
    menu = (ROOT / "infrastructure" / "web" / "console.py").read_text() + "Patreon"
    named = set(re.findall(r"(?<!\*)\*(\w[^*\n]*?)\*(?!\*)", GUIDE))
    assert len(named) > 8
    assert [words for words in named if words.lower() not in (TEMPLATES + menu).lower()] == []
