"""Without a ledger: a sentence, exit code 4, and nothing made. An empty ledger would answer that all is well."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import pytest

from temple_ledger import cli
from tests.cli.conftest import Typed

MAKES_ONE: Final = {"up", "events import", "db start", "db restore"}
ANSWERS_WITHOUT: Final = {
    "config show", "monitoring export", "down", "db stop", "db status", "doctor", "demo", "archive list",
    # they name what is not set
    "fleet migrate", "fleet status", "fleet verify", "fleet run", "fleet receive", "fleet listen", "fleet doctor",
    "discord setup", "discord listen", "discord backfill", "discord snapshot",
    "patreon setup", "patreon snapshot", "patreon webhooks",
}  # fmt: skip
GIVEN: Final = {
    **{f"archive {verb}": ["--archive", "archive"] for verb in ("write", "verify", "restore", "erase")},
    "repair": ["--apply", "--reason", "x"],
    "replay": ["--apply", "--yes"],
    "effects retry": ["--all"],
    "effects skip": ["1", "--reason", "x"],
    "events append": ["--type", "discord_leave/left", "--user", "ada"],
    "role diff": ["Oracle", "--between", "2025-06-01", "2025-06-08"],
    "failures retry": ["--all"],
    "failures skip": ["1", "--reason", "x"],
    "inbox retry": ["--all"],
    "inbox ignore": ["1", "--reason", "x"],
    "inbox set-aside": ["1", "--reason", "x"],
    "member erase": ["ada"],
    "operate refuse": ["1", "--reason", "x"],
    "operate run": ["1"],
    "projection check": ["temple_ledger.projections.members:members"],
    "projection drop": ["members@1"],
    "projection explain": ["members", "1"],
    "projection history": ["members", "1"],
    "projection lanes": ["members"],
    "projection resume": ["members"],
    "projection rows": ["members", "1"],
    "projection show": ["members"],
    "projection switch": ["members", "--to", "2"],
    "projection wait": ["members"],
    "trigger enable": ["--yes"],
}
"""What a command needs, where it is more than some word for each argument."""


def leaves(command: click.Command, path: Sequence[str] = ()) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        each = command.get_command(context, name)
        assert each is not None
        yield from leaves(each, (*path, name))


LEAVES: Final = dict(leaves(cli.temple))


@pytest.mark.parametrize("verb", sorted(LEAVES.keys() - MAKES_ONE - ANSWERS_WITHOUT))
def test_a_command_that_needs_a_ledger_says_that_there_is_none(temple: Typed, home: Path, verb: str) -> None:
    given = GIVEN.get(verb, arguments(LEAVES[verb]))
    ended = temple(*verb.split(), *given, TEMPLE_DATABASE_URL=None, TEMPLE_PATREON_SECRETS="planted-0123456789abcdef")
    assert ended.code == 4, ended.stderr
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("temple: there is no ledger here: ")
    assert ended.stdout == ""
    assert not home.exists()


@pytest.mark.parametrize("verb", ["config show", "down", "db status", "doctor"])
def test_a_command_that_answers_without_a_ledger_makes_none(temple: Typed, home: Path, verb: str) -> None:
    assert temple(*verb.split(), TEMPLE_DATABASE_URL=None).code in (0, 3)
    assert not home.exists()


def test_the_state_is_named_where_nothing_was_made(temple: Typed) -> None:
    ended = temple("db", "status", "--json", TEMPLE_DATABASE_URL=None)
    assert json.loads(ended.stdout)["data"]["state"] == "not made yet"


def arguments(command: click.Command) -> list[str]:
    return ["1" for each in command.params if isinstance(each, click.Argument) and each.required]
