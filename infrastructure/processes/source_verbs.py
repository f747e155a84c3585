"""The verbs that sources bring to the command line."""

from dataclasses import dataclass, field
from typing import ClassVar, NoReturn

import click

from temple_ledger.infrastructure.processes.sources import SourceMisdeclared, declared_sources, reason_of
from temple_ledger.infrastructure.terminal.lazy import AddedVerbs, Verb


@dataclass(frozen=True)
class _SourceVerb(Verb):
    source: str = field(kw_only=True)
    ours: ClassVar[bool] = False
    """What an author's verb prints is its data."""

    def load(self) -> click.Command:
        try:
            return super().load()
        except (Exception, SystemExit) as error:
            raise SourceMisdeclared(self.source, f"has a command that cannot be loaded: {reason_of(error)}") from error


@dataclass(frozen=True)
class _Broken(Verb):
    """Of a source that cannot be loaded: typing it shows why."""

    error: SourceMisdeclared = field(kw_only=True)

    def load(self) -> NoReturn:
        raise self.error


def source_verbs() -> AddedVerbs:
    found = declared_sources()
    verbs: dict[str, Verb] = {each.source: _Broken("", str(each), error=each) for each in found.failed}
    former: dict[str, Verb] = {}
    for source in found.sources:
        if source.command is not None:
            verbs[source.name] = _of_source(source.name, source.command)
        former |= {name: _of_source(source.name, verb) for name, verb in source.former_verbs.items()}
    return AddedVerbs(dict(sorted(verbs.items())), former)


def _of_source(source: str, verb: Verb) -> Verb:
    return _SourceVerb(verb.place, verb.does, source=source)
