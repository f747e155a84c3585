"""docs/settings.md has every setting with its default, as the code has it."""

from tests.house.settings_page import PAGE, page


def test_the_page_is_what_the_settings_make_of_it() -> None:
    assert PAGE.read_text() == page(), "write it anew: .venv/bin/python -m tests.house.settings_page"
