"""A plain installation has none of the packages that only some commands need; everything else works without them."""

import os
import subprocess
import sys

import pytest

from tests.cli.conftest import ROOT

EXTRAS = ("pyarrow", "adbc_driver_postgresql", "fsspec", "cryptography", "boto3", "ray")
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS})); from temple_ledger import cli"
LOAD_ALL = """
import click
def load(group):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            load(command)
load(cli.temple)
"""


def plain(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", f"{WITHOUT}\n{code}"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_command_can_be_loaded() -> None:
    ended = plain(LOAD_ALL)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    "typed",
    [
        ("run", "--until-caught-up"),
        ("verify", "--full"),
        ("repair", "--apply", "--reason", "x"),
        ("replay", "--apply"),
        ("members",),
    ],
)
def test_tables_are_folded_verified_and_folded_again(environment: dict[str, str], typed: tuple[str, ...]) -> None:
    ended = plain(f"sys.exit(cli.main({list(typed)!r}))", **environment)
    assert ended.returncode == 0, ended.stderr
