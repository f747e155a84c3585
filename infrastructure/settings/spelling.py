"""Names that are nearly those of settings."""

from collections.abc import Sequence
from typing import Final

from temple_ledger.domain.near_kinds import within_one_edit
from temple_ledger.domain.near_names import nearest_name

PREFIX: Final = "TEMPLE_"
NO_SETTINGS: Final = frozenset({"debug", "complete"})
"""Variables of ours that are read before there are settings."""


def variable_of(setting: str) -> str:
    return f"{PREFIX}{setting}".upper()


def setting_meant(variable: str, known: Sequence[str]) -> str | None:
    """The setting that a variable in capitals most likely means; None for a variable of somebody else's.

    With our prefix, a name like that of a setting; with a prefix one letter off, the very name of one.
    """
    if variable.startswith(PREFIX):
        name = variable.removeprefix(PREFIX).lower()
        return None if name in NO_SETTINGS else nearest_name(name, known)
    prefix, _, rest = variable.partition("_")
    if within_one_edit(f"{prefix}_", PREFIX) and rest.lower() in known:
        return rest.lower()
    joined = variable.replace("_", "")
    return next((each for each in known if variable_of(each).replace("_", "") == joined), None)
