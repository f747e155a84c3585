"""Which translators there are: ours, and those that installed packages add."""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.ingestion.inbox.translator import Translator
from temple_ledger.infrastructure.settings import Settings

GROUP: Final = "temple_ledger.translators"
"""Entry points of this group name a Maker; the name of the point is the source."""

Maker = Callable[[Settings], Translator | None]
"""Makes the translator of a source from the settings; None when they do not ask for it."""

OURS: Final[Mapping[str, str]] = {"patreon": "temple_ledger.infrastructure.sources.patreon.factory:translator"}
"""By source, MODULE:NAME of a Maker."""


class TranslatorMisdeclared(LedgerError):
    pass


def translators(settings: Settings) -> list[Translator]:
    """Those that the settings ask for, by source. Raises TranslatorMisdeclared."""
    makers: dict[str, Callable[[], Maker]] = {source: _lazy(place) for source, place in OURS.items()}
    for point in entry_points(group=GROUP):
        if point.name in makers:
            raise TranslatorMisdeclared(f"two translators for source {point.name}; rename entry point {point.value}")
        makers[point.name] = point.load
    made = [_made(source, load, settings) for source, load in sorted(makers.items())]
    return [each for each in made if each is not None]


def _made(source: str, load: Callable[[], Maker], settings: Settings) -> Translator | None:
    try:
        translator = load()(settings)
    except LedgerError:
        raise
    except Exception as error:
        raise TranslatorMisdeclared(
            f"the translator of source {source} cannot be made: {type(error).__name__}: {error}"
        ) from error
    if translator is not None and translator.source != source:
        raise TranslatorMisdeclared(f"the translator declared for source {source} translates {translator.source}")
    return translator


def _lazy(place: str) -> Callable[[], Maker]:
    module, _, name = place.partition(":")

    def load() -> Maker:
        maker: Maker = getattr(import_module(module), name)
        return maker

    return load
