"""Arguments are text. A shell passes any bytes, and nothing in a ledger is called by some that are no text."""

from collections.abc import Iterator
from typing import Any, Final

import click


class _Text(click.ParamType[str]):
    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text: str = click.STRING.convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            shown = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
            self.fail(f"'{shown}' is not UTF-8", param, ctx)
        return text


TEXT: Final = _Text()


def require_utf8(command: click.Command) -> click.Command:
    """Makes the command and each of its own refuse text that is none, before anything is done.

    A path may have any bytes in its name, and stays as it is.
    """
    for each in with_its_own(command):
        for param in each.params:
            if param.type is click.STRING:
                param.type = TEXT
    return command


def with_its_own(command: click.Command) -> Iterator[click.Command]:
    """The command, and all below it."""
    yield command
    further = {**getattr(command, "commands", {}), **getattr(command, "verbs", {})}
    for each in further.values():
        yield from with_its_own(each)
