"""What --help says of a command, in paragraphs: examples stay as they are written, and everything else is folded."""

import re
from typing import Final

import click

_BLOCK: Final = re.compile(r"(?<=\S)\n *\x08\n")
"""Begins lines that are not folded: click sees it only behind an empty line."""
_EXIT_CODES: Final = re.compile(r"\n\n *\x08\n( *Exit codes:)")


def with_paragraphs(command: click.Command) -> click.Command:
    """The same command: its help has an empty line before each block, and exit codes are prose."""
    if command.help is not None:
        command.help = _EXIT_CODES.sub(r"\n\n\1", _BLOCK.sub("\n\n\b\n", command.help))
    return command
