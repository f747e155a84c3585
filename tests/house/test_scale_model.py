"""docs/scaling.md has the table that the model makes of its inputs."""

from pathlib import Path

from bench.scale import Inputs, table

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


def test_the_page_has_the_table_of_the_model() -> None:
    assert table(Inputs()) in PAGE.read_text(), "make it anew: .venv/bin/python -m bench.scale"
