"""What only the owner of the tables may do, asked for by others.

A request is an entry in the operations journal, and open until another one says that it was carried out, or refused.
It is believed by its login, which the database writes: that of one who may ask, a member of temple_operate.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.operating.action import Asking
from temple_ledger.infrastructure.operating.owner_preview import OwnerPreview, preview_request
from temple_ledger.infrastructure.read_models.operations import record

REQUEST, CARRIED_OUT, REFUSED = "request", "request carried out", "request refused"
ARGUMENTS: Final[Mapping[str, Sequence[str]]] = {
    "switch": ("projection", "to"),
    "erase": ("member",),
    "trigger-enable": (),
    "trigger-disable": (),
}
"""What may be asked for, and what has to be said with it."""


class OwnerRequest(NamedTuple):
    """`shown` is the digest of what the asker was shown. `trusted`: asked by a login that may."""

    id: int
    action: str
    arguments: Mapping[str, str]
    shown: str
    performed_by: str
    login: str
    reason: str
    asked_at: Any
    trusted: bool


def ask_owner(database: Database, asking: Asking) -> int:
    """The number of the request in the journal. Raises Refused."""
    what, why = asking.word("what"), asking.why()
    if what not in ARGUMENTS:
        raise UnknownName("request", what)
    arguments = {name: asking.word(name) for name in ARGUMENTS[what]}
    if "to" in arguments and not arguments["to"].isdecimal():
        raise Refused("a version is a number")
    details = {"action": what, "arguments": arguments, "shown": asking.arguments.get("shown", "")}
    with (
        database_errors("asking"),
        database.connect(DatabaseRole.OPERATE, application="temple operation") as connection,
    ):
        return record(connection, REQUEST, arguments.get("projection"), by=asking.by, reason=why, details=details)


def open_requests(connection: psycopg.Connection[Any]) -> list[OwnerRequest]:
    """The oldest first."""
    return [
        OwnerRequest(number, details["action"], details["arguments"], details["shown"], *rest)
        for number, details, *rest in connection.execute(statement("operate_open_requests"))
        if details.get("action") in ARGUMENTS
    ]


def open_request(connection: psycopg.Connection[Any], number: int) -> OwnerRequest:
    """Raises UnknownName."""
    found = {each.id: each for each in open_requests(connection)}
    if number not in found:
        raise UnknownName("open request", str(number), tuple(map(str, found)))
    return found[number]


def close_request(database: Database, request: OwnerRequest, kind: str, *, by: str, reason: str | None) -> int:
    with (
        database_errors("closing a request"),
        database.connect(DatabaseRole.PROJECT, application="temple operate") as connection,
    ):
        return record(
            connection,
            kind,
            request.arguments.get("projection"),
            by=by,
            reason=reason,
            details={"request": request.id, "action": request.action},
        )


def require_as_shown(connection: psycopg.Connection[Any], request: OwnerRequest) -> OwnerPreview:
    """What it would do now. Raises Refused where that is not what the asker was shown, and UnknownName."""
    preview = preview_request(connection, request.action, request.arguments)
    if preview.digest != request.shown:
        raise Refused(
            f"request {request.id} would not do what {request.performed_by} was shown when they asked. Now: "
            f"{' '.join(preview.sentences)} To close it: temple operate refuse {request.id} --reason TEXT; then it can "
            "be asked for again"
        )
    return preview
