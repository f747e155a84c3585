"""The names of roles, for people: an id goes in where a name is not enough."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from temple_ledger.domain.errors import AmbiguousName, UnknownName
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.consistent_read import Connection


class NamedRole(NamedTuple):
    role: str
    name: str | None
    deleted: bool


class RoleDirectory:
    def __init__(self, roles: Iterable[NamedRole]) -> None:
        self._roles = {each.role: each for each in roles}
        self._shared = Counter(each.name.casefold() for each in self if each.name)

    def __iter__(self) -> Iterator[NamedRole]:
        return iter(self._roles.values())

    def get(self, role: str) -> NamedRole:
        return self._roles.get(role) or NamedRole(role, None, False)

    def label(self, role: str) -> str:
        """The name; with the id where two share it, the id alone where there is none."""
        name = self.get(role).name
        if not name:
            return role
        return name if self._shared[name.casefold()] == 1 else f"{name} ({role})"

    def called(self, name: str) -> Sequence[NamedRole]:
        """The roles with this name; whatever its letters' case, unless one has exactly this."""
        exactly = [each for each in self if each.name == name]
        return exactly or [each for each in self if each.name and each.name.casefold() == name.casefold()]

    def find(self, text: str) -> str | None:
        """The role with this id or this name; None when there is none. Raises AmbiguousName."""
        if text in self._roles:
            return text
        called = self.called(text)
        if len(called) > 1:
            raise AmbiguousName(
                text, {each.role: f"{each.role} (deleted)" if each.deleted else each.role for each in called}
            )
        return called[0].role if called else None

    def near(self, text: str) -> tuple[str, ...]:
        """Names and ids that may have been meant, best first."""
        names = {each.name.casefold(): each.name for each in self if each.name}
        return (
            *(names[each] for each in get_close_matches(text.casefold(), names, n=3, cutoff=0.5)),
            *get_close_matches(text, self._roles, n=2, cutoff=0.8),
        )[:3]


def read_directory(connection: Connection) -> RoleDirectory:
    return RoleDirectory(NamedRole(*row) for row in connection.execute(statement("read_role_directory")))


def require_role(connection: Connection, directory: RoleDirectory, text: str) -> str:
    """The id of the role that *text* names. Raises UnknownName, with near names, or AmbiguousName."""
    found = directory.find(text)
    if found is not None:
        return found
    row = connection.execute(statement("read_role_known"), {"role": text}).fetchone()
    if row is not None and row[0]:
        return text
    near = directory.near(text)
    raise UnknownName("role", text, near, advice="" if near else "; to see which there are: temple role list")
