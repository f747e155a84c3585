"""Whatever the width of the terminal: nothing is cut, and what may not be folded is not."""

import pytest

from temple_ledger.infrastructure.terminal.layout import column_of, place, row_lines

HEADINGS = ("position", "timestamp (UTC)", "event", "user id", "target", "error")
ROWS = (
    ("4711", "2026-03-01 18:00:00", "discord_role_change/added", "500000000000000001", "Temple Acolyte", "–"),
    ("1234567890123456789", "2026-03-01 18:00:01", "patreon_membership/declined",
     "patreon:7d1f6d3a-9a0e-4bb1-8a44-8a9a8a9a8a9a", "預言者",
     "no rule for 2026-03-01 18:00:00 UTC of 400000000000000001"),
)  # fmt: skip
PROSE = (False, False, False, False, True, True)


def laid_out(width: int | None) -> list[list[str]]:
    """The lines of each row, the headings first."""
    columns = [
        column_of([heading, *(row[number] for row in ROWS)], right=number == 0, prose=PROSE[number])
        for number, heading in enumerate(HEADINGS)
    ]
    lines = place(columns, width)
    return [list(row_lines(cells, lines)) for cells in (HEADINGS, *ROWS)]


@pytest.mark.parametrize("width", [*range(40, 120), 200, None])
def test_every_word_of_every_cell_is_whole_at_every_width(width: int | None) -> None:
    for cells, lines in zip((HEADINGS, *ROWS), laid_out(width), strict=True):
        words = [word for cell in cells for word in cell.split()]
        assert sorted(" ".join(lines).split()) == sorted(words)


@pytest.mark.parametrize("width", range(50, 120))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    # the longest id has 44 characters, and 4 before it
    assert max(len(line) for lines in laid_out(width) for line in lines) <= width


def test_where_everything_fits_a_row_is_a_line() -> None:
    assert [len(lines) for lines in laid_out(200)] == [1, 1, 1]
    assert [len(lines) for lines in laid_out(None)] == [1, 1, 1]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_time_is_one_word(width: int) -> None:
    text = "\n".join(line for lines in laid_out(width) for line in lines)
    assert text.count("2026-03-01 18:00:00") == 2
    assert "2026-03-01 18:00:00 UTC" in text


def test_rows_stand_below_their_headings_and_numbers_end_below_each_other() -> None:
    headings, *rows = laid_out(80)
    assert headings[0].index("timestamp") == rows[0][0].index("2026") == rows[1][0].index("2026")
    assert rows[0][0].startswith(f"{'4711':>19}  2026")
