"""What a session may do."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class Right(StrEnum):
    READ = "read"
    OPERATE = "operate"
    """Ask for actions; a console that allows none has none to ask for."""
    BODIES = "bodies"
    """See deliveries as they came: they hold names and addresses."""


EVERY: Final = tuple(Right)


def in_words(rights: Collection[Right]) -> str:
    """What is shown beside the name of who is signed in."""
    return "may operate" if Right.OPERATE in rights else "may read"
