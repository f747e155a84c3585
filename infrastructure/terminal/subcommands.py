"""A command that has verbs as well: `temple verify members`, and `temple verify list`."""

from typing import Any

import click


class WithVerbs(click.Command):
    """What is no name of a verb is an argument of the command itself: verbs win."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.verbs: dict[str, click.Command] = {}

    def verb(self, verb: click.Command) -> click.Command:
        """Decorates each of them."""
        self.verbs[str(verb.name)] = verb
        return verb

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        verb = self.verbs.get(args[0]) if args else None
        if verb is not None:
            # whoever called goes on with the command of the context
            return verb.make_context(f"{info_name} {args[0]}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, verb.get_short_help_str(60)) for name, verb in self.verbs.items() if not verb.hidden]
            )
