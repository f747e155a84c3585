"""A person's name, as it is shown beside the id."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class PersonKind(StrEnum):
    MEMBER = "member"
    BOT = "bot"
    DELETED = "deleted"
    """The account is gone."""


class PersonName(NamedTuple):
    """`name` is what others see; `handle` the unique name of the account, where it is another one."""

    name: str
    kind: PersonKind = PersonKind.MEMBER
    handle: str | None = None

    def is_called(self, text: str) -> bool:
        """Whether *text*, in any case, is a part of one of the names."""
        wanted = text.casefold()
        return wanted in self.name.casefold() or (self.handle is not None and wanted in self.handle.casefold())


Names = Mapping[str, PersonName]
"""By id; whoever is not in it has no known name."""


def best_first(found: Names, text: str, limit: int) -> dict[str, PersonName]:
    """Whoever is called exactly so, then whose name begins so, then the others."""
    wanted = text.casefold()

    def place(user_id: str) -> tuple[bool, bool, str, str]:
        name = found[user_id].name.casefold()
        return (name != wanted, not name.startswith(wanted), name, user_id)

    return {user_id: found[user_id] for user_id in sorted(found, key=place)[:limit]}
