"""Every mutant can still be made, and a sample of them is killed; all are: `.venv/bin/python -m tests.mutants`."""

import pytest

from tests.mutants.mutants import MUTANTS, ROOT, Mutant
from tests.mutants.trial import trial

SAMPLE = ("any holder of a lease will do",)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_line_stands_once_and_the_killer_is_there(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()
    assert mutant.applied(text) != text
    file, _, name = mutant.killer.partition("::")
    assert f"def {name}" in (ROOT / file).read_text()


def test_names_are_unique_and_there_are_enough() -> None:
    assert len({each.name for each in MUTANTS}) == len(MUTANTS) >= 25


def test_a_sample_is_killed_and_a_harmless_change_is_not() -> None:
    chosen = [each for each in MUTANTS if each.name in SAMPLE]
    harmless = Mutant(
        "harmless", chosen[0].file, chosen[0].before, f"{chosen[0].before}  # as before", chosen[0].killer
    )
    with trial() as copy:
        assert [copy.run(each).killed for each in (*chosen, harmless)] == [True] * len(SAMPLE) + [False]
