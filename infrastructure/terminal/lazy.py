"""A group of commands that are imported when they are called, so that the first answer comes at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

import click


@dataclass(frozen=True)
class Verb:
    """A command that is still a name: where it is, as `module:attribute`, and what it does, in one line."""

    place: str
    does: str

    def load(self) -> click.Command:
        module, _, attribute = self.place.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.place} is no command")
        return command


class LazyGroup(click.Group):
    """*sections*: the verbs under the headings that --help shows them under."""

    def __init__(self, *, sections: Mapping[str, Mapping[str, Verb]], **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._sections = sections
        self._verbs = {name: verb for section in sections.values() for name, verb in section.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self._verbs.get(cmd_name)
        return None if verb is None else verb.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self._verbs and not name.startswith("-"):
            near = get_close_matches(name, self._verbs, n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            ctx.fail(f"no command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, verbs in self._sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name, verb.does) for name, verb in verbs.items()])
