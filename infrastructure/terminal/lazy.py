"""A group of commands that are imported when they are called, so that the first answer comes at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import TracebackType
from typing import ClassVar

import click

from temple_ledger.infrastructure.terminal.help_paragraphs import with_paragraphs
from temple_ledger.infrastructure.terminal.numbers import refuse_other_numbers
from temple_ledger.infrastructure.terminal.printing import with_stdout_to_itself
from temple_ledger.infrastructure.terminal.utf8 import require_utf8, with_its_own


class Naming(click.Context):
    """Gives a usage error the command that it is about, where the parser of options gave none."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if isinstance(error, click.UsageError) and error.ctx is None:
            error.ctx = self
        return super().__exit__(kind, error, trace)


@dataclass(frozen=True)
class Verb:
    """A command that is still a name: where it is, as `module:attribute`, and what it does, in one line."""

    place: str
    does: str
    ours: ClassVar[bool] = True

    def load(self) -> click.Command:
        module, _, attribute = self.place.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.place} is no command")
        for each in with_its_own(command):
            with_paragraphs(each)
            each.context_class = Naming
            if self.ours and each.callback is not None:
                each.callback = with_stdout_to_itself(each.callback)
        return refuse_other_numbers(require_utf8(command))


@dataclass(frozen=True)
class AddedVerbs:
    """Verbs that are looked for when they are asked for. `hidden` are found by name, and not shown."""

    shown: Mapping[str, Verb]
    hidden: Mapping[str, Verb]


class LazyGroup(click.Group):
    """*sections*: the verbs under the headings that --help shows them under. *added*: those that are shown under the
    heading *added_to* besides; asked for only where the others do not answer."""

    context_class = Naming

    def __init__(
        self,
        *,
        sections: Mapping[str, Mapping[str, Verb]],
        added: Callable[[], AddedVerbs],
        added_to: str,
        **settings: object,
    ) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._sections = sections
        self._own = {name: verb for section in sections.values() for name, verb in section.items()}
        self._find_added = added
        self._added_to = added_to

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in self._shown().values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self._verb(cmd_name)
        return None if verb is None else verb.load()

    def _verb(self, name: str) -> Verb | None:
        if name in self._own:
            return self._own[name]
        added = self._find_added()
        return added.shown.get(name) or added.hidden.get(name)

    def _shown(self) -> Mapping[str, Mapping[str, Verb]]:
        """By heading; a verb of our own is not replaced."""
        more = {name: verb for name, verb in self._find_added().shown.items() if name not in self._own}
        return {
            heading: {**verbs, **more} if heading == self._added_to else verbs
            for heading, verbs in self._sections.items()
        }

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self._verb(name) is None:
            near = get_close_matches(name, self.list_commands(ctx), n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            ctx.fail(f"no command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, verbs in self._shown().items():
            with formatter.section(heading):
                formatter.write_dl([(name, verb.does) for name, verb in verbs.items()])
