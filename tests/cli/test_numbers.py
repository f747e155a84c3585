"""Whole numbers on the command line: refused in words, whichever command takes them, and before anything is asked."""

from collections.abc import Iterator

import click
import pytest

from temple_ledger import cli
from tests.cli.conftest import Typed


def numbers(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        below: list[tuple[tuple[str, ...], click.Command]] = [((*path, name), command)]
        below += [((*path, name, verb), each) for verb, each in getattr(command, "verbs", {}).items()]
        for where, each in below:
            yield from ((where, param) for param in each.params if isinstance(param.type, click.types.IntParamType))
        if isinstance(command, click.Group):
            yield from numbers(command, (*path, name))


def test_what_is_no_number_or_too_great_a_one_is_refused_by_every_option_and_argument() -> None:
    found = list(numbers(cli.temple))
    assert {("inbox", "show"), ("events", "list"), ("verify", "show"), ("replay",)} <= {path for path, _ in found}
    for path, param in found:
        for typed in ("12ab", "1_0", "", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 20, "9" * 5_000):
            with pytest.raises(click.BadParameter, match=r"is no whole number|is greater than") as refused:
                param.type.convert(typed, param, click.Context(click.Command("x")))
            assert len(str(refused.value)) < 80, path


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (("inbox", "show", "12ab"), "'12ab' is no whole number"),
        (("inbox", "show", "9" * 20), "is greater than any number here"),
        (("inbox", "retry", "9" * 20), "is greater than any number here"),
        (("verify", "show", "9" * 20), "is greater than any number here"),
        (("operations", "show", "9" * 20), "is greater than any number here"),
        (("failures", "show", "9" * 20), "is greater than any number here"),
        (("events", "list", "--after", "9" * 20), "is greater than any number here"),
        (("events", "list", "--limit", "0"), "0 is not 1 or more"),
        (("replay", "--workers", "99"), "99 is not between 1 and 64"),
    ],
)
def test_the_sentence_says_what_is_wanted(temple: Typed, typed: tuple[str, ...], sentence: str) -> None:
    ended = temple(*typed)
    assert (ended.code, ended.stdout) == (2, "")
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1
