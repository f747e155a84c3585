"""A sentence on a narrow terminal: folded between its words, never within one, and below what it is about."""

import pytest

from temple_ledger.infrastructure.terminal.folding import fold

LINES = (
    "members   349 active, 30 inactive, 121 departed; 11 patrons without a Discord account",
    "verified  members agrees, 3 minutes ago; activity agrees, 3 minutes ago",
    "fail  login: temple may act as temple_owner, temple_append, temple_translate, temple_tokens, temple_project",
    "      to give it: grant temple_append to ledger_service; then run temple doctor again, as that login",
    "members: 511 members compared at position 9452, all agree; full verify, saved as verification 1",
    "granted 2026-03-01 18:00:00 UTC by 500000000000000001 to 預言者 and 預言者, who had asked for it",
    "a",
    "",
)


def folded(text: str, width: int) -> list[str]:
    return [" " * indent + text[part] for indent, part in fold(text, width)]


@pytest.mark.parametrize("text", LINES)
@pytest.mark.parametrize("width", range(40, 130, 5))
def test_every_word_is_whole_and_no_line_wider_than_the_terminal(text: str, width: int) -> None:
    lines = folded(text, width)
    assert " ".join(lines).split() == text.split()
    assert max(map(len, lines)) <= width


def test_what_fits_is_as_it_was() -> None:
    assert folded(LINES[0], 100) == [LINES[0]]


def test_further_lines_stand_below_what_follows_the_label() -> None:
    first, *further = folded(LINES[0], 40)
    assert first.startswith("members   349 active")
    assert further
    assert all(line.startswith(" " * 10) and line[10] != " " for line in further)


def test_a_time_is_one_word() -> None:
    for width in range(40, 80):
        assert "2026-03-01 18:00:00 UTC" in "\n".join(folded(LINES[5], width))


def test_a_word_that_does_not_fit_below_the_others_stands_further_to_the_left_and_is_not_cut() -> None:
    path = "/srv/temple-ledger/embedded/postgres/data"
    assert folded(f"database  PostgreSQL 16.14: {path}", 44) == ["database  PostgreSQL 16.14:", f"  {path}"]
    assert folded(f"database  PostgreSQL 16.14: {path}", 30) == ["database  PostgreSQL 16.14:", f"  {path}"]
    assert folded("discord joined at  2026-01-01 01:00:00 UTC", 40) == [
        "discord joined at",
        "  2026-01-01 01:00:00 UTC",
    ]
