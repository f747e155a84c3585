"""All members as of a moment, folded from the log."""

from collections.abc import Iterator
from typing import Final

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.queries.as_of import AsOf
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.member import MemberOverview, members_then

MEMBERS_AT_A_TIME: Final = 500


def everybody_then(connection: Connection, moment: AsOf, catalogue: Catalogue) -> Iterator[list[MemberOverview]]:
    """By id, some at a time; whoever had no event at that moment is left out."""
    # the empty id is the only one that does not stand behind the empty text
    yield _members(connection, [""], moment, catalogue)
    after = ""
    while user_ids := _ids(connection, after):
        yield _members(connection, user_ids, moment, catalogue)
        after = user_ids[-1]


def _ids(connection: Connection, after: str) -> list[str]:
    values = {"after": after, "limit": MEMBERS_AT_A_TIME}
    return [user_id for (user_id,) in connection.execute(statement("read_member_ids"), values)]


def _members(connection: Connection, user_ids: list[str], moment: AsOf, catalogue: Catalogue) -> list[MemberOverview]:
    found = (then.member for then in members_then(connection, user_ids, moment, catalogue))
    return [member for member in found if member is not None]
