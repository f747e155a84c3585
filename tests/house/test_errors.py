"""Every error of ours is in one tree, so that each ends a command with a sentence and a code."""

import re
from importlib import import_module
from pkgutil import walk_packages

from temple_ledger import domain, infrastructure, projections
from temple_ledger.domain import errors
from temple_ledger.domain.errors import LedgerError, PlatformUnavailable
from temple_ledger.infrastructure.sources.discord.errors import DiscordUnavailable
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode, exit_code_of

CODES = {
    "SettingsInvalid": ExitCode.USAGE,
    "ArchiveUnavailable": ExitCode.UNREACHABLE,
    "DatabaseUnavailable": ExitCode.UNREACHABLE,
    "GrantMissing": ExitCode.REFUSED,
    "PlatformUnavailable": ExitCode.UNREACHABLE,
    "SchemaMismatch": ExitCode.REFUSED,
    "UnsafeLog": ExitCode.REFUSED,
    "Refused": ExitCode.REFUSED,
    "LogChanged": ExitCode.FOUND,
    "LedgerError": ExitCode.FAILED,
}
"""Of these and of what is below them, the nearest counts."""


def every_error() -> set[type[BaseException]]:
    """Those that our modules declare, whoever imports them."""
    found: set[type[BaseException]] = set()
    for package in (domain, projections, infrastructure):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                found |= {each for each in vars(import_module(module.name)).values() if _is_ours(each)}
    return found


def _is_ours(value: object) -> bool:
    return (
        isinstance(value, type) and issubclass(value, BaseException) and value.__module__.startswith("temple_ledger.")
    )


def drawn() -> dict[str, str | None]:
    """Names in the drawing at the top of domain/errors.py, each with what it hangs from."""
    found: dict[str, str | None] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if branch := re.match(r"((?:│   |    )*(?:[├└]── )?)([A-Z]\w+)(?:  |$)", line):
            depth = len(branch[1]) // 4
            del above[depth:]
            found[branch[2]] = above[-1] if above else None
            above.append(branch[2])
    return found


def test_every_error_is_one_of_the_tree() -> None:
    assert [each for each in every_error() if not issubclass(each, LedgerError)] == []


def test_the_drawing_is_the_tree() -> None:
    declared = {
        name: (each.__base__.__name__ if each is not LedgerError else None)
        for name, each in vars(errors).items()
        if _is_ours(each)
    }
    assert drawn() == declared


def test_an_error_ends_a_command_with_the_code_of_the_nearest_that_has_one() -> None:
    for error in every_error():
        assert issubclass(error, LedgerError)
        nearest = next(each.__name__ for each in error.__mro__ if each.__name__ in CODES)
        assert exit_code_of(error.__new__(error)) == CODES[nearest], error


def test_a_platform_that_is_not_reached_is_4_whichever_it_is() -> None:
    assert exit_code_of(DiscordUnavailable("it did not answer")) == 4
    assert exit_code_of(PlatformUnavailable("it did not answer")) == 4
