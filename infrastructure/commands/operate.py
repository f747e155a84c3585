"""`temple operate`: what was asked for in the console and only the owner of the tables may do."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from temple_ledger.domain.errors import DatabaseUnavailable, LedgerError, Refused
from temple_ledger.infrastructure.commands.member_erasure import erase_
from temple_ledger.infrastructure.commands.projection_versions import switch
from temple_ledger.infrastructure.commands.trigger import disable, enable
from temple_ledger.infrastructure.operating.owner_preview import OwnerPreview
from temple_ledger.infrastructure.operating.owner_requests import (
    CARRIED_OUT,
    REFUSED,
    OwnerRequest,
    close_request,
    open_request,
    open_requests,
    require_as_shown,
)
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.terminal.applying import apply_options, confirmed, require_apply, required_reason
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.service_manager import Watchdog, notify_service_manager
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_rows
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals

POLL_SECONDS: Final = 2.0
COLUMNS: Final = ("id", "asked_at", "request", "by", "login", "reason")

number_argument = click.argument("number", metavar="ID", type=click.IntRange(min=1))


@click.group("operate")
def command() -> None:
    """What was asked for in the console, and only the owner of the tables may do.

    An erasure, a switch of versions, the trigger: the console enters a request in the operations journal, and nothing
    happens until it is carried out here. A request is believed if the login that the database wrote down with it is a
    member of temple_operate.
    """


@command.command("list")
@as_json
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """Requests that nobody has answered yet, the oldest first.

    \b
    Example:
      temple operate list
    """
    with snapshot(session.database) as connection:
        found = open_requests(connection)
    if found or as_json:
        print_rows([_row(each) for each in found], COLUMNS, as_json=as_json)
    else:
        session.note("nothing is asked for")


@command.command("run")
@number_argument
@apply_options
@click.pass_context
def run(ctx: click.Context, number: int, apply: bool, yes: bool) -> int:
    """Carry out a request, as the command of its own would: a preview, and with --apply the deed.

    What it would do now has to be what was shown to whoever asked; otherwise it is refused, and has to be asked for
    again. The reason in the journal is that of the request. One that is carried out, or refused, is closed.

    \b
    Examples:
      temple operate run 4711
      temple operate run 4711 --apply
    \b
    Exit codes: 0 done, or shown; 1 you answered no; 5 nobody may ask by that login, it would no longer do
    what was shown, or something stands in the way.
    """
    require_apply(apply=apply, yes=yes)
    session: Session = ctx.obj
    with snapshot(session.database) as connection:
        request = open_request(connection, number)
    print_line(f"{_sentence(request)}, asked for by {request.performed_by}: {request.reason}")
    for sentence in _require_agreed(session, request).sentences:
        print_line(sentence)
    if not apply:
        session.note(f"nothing was changed; to do it: temple operate run {number} --apply")
        return ExitCode.OK
    if not confirmed("Carry it out?", yes=yes):
        session.note("nothing was changed")
        return ExitCode.FAILED
    return _carried_out(ctx, session, request)


@command.command("refuse")
@number_argument
@required_reason
@click.pass_obj
def refuse(session: Session, number: int, reason: str) -> None:
    """Close a request without carrying it out.

    \b
    Example:
      temple operate refuse 4711 --reason "we talked about it"
    """
    with snapshot(session.database) as connection:
        request = open_request(connection, number)
    close_request(session.database, request, REFUSED, by=session.operator, reason=reason)
    print_line(f"{_sentence(request)}: refused")


@command.command("watch")
@click.pass_context
def watch(ctx: click.Context) -> int:
    """Carry out requests as they come, without asking, until it is stopped.

    What cannot be done is refused, with the reason in the journal. Whoever may operate in the console can then erase
    somebody, which cannot be undone: run it only where you would.

    \b
    Example:
      temple operate watch
    """
    session: Session = ctx.obj
    session.reach()
    with stopped_by_signals() as stop:
        session.is_service()
        notify_service_manager("READY=1")
        watchdog = Watchdog()
        while not stop.asked:
            watchdog()
            try:
                _answer_open(ctx, session)
            except DatabaseUnavailable as error:
                session.note(f"{error}; looking again")
            time.sleep(POLL_SECONDS)
        notify_service_manager("STOPPING=1")
    return ExitCode.OK


def _answer_open(ctx: click.Context, session: Session) -> None:
    """Raises DatabaseUnavailable; what is open stays so."""
    with snapshot(session.database) as connection:
        found = open_requests(connection)
    for each in found:
        _answered(ctx, session, each)


def _answered(ctx: click.Context, session: Session, request: OwnerRequest) -> None:
    try:
        _require_agreed(session, request)
        _carried_out(ctx, session, request)
    except DatabaseUnavailable:
        raise
    except LedgerError as error:
        session.note(f"{_sentence(request)}: refused: {error}")
        close_request(session.database, request, REFUSED, by=session.operator, reason=str(error))


def _carried_out(ctx: click.Context, session: Session, request: OwnerRequest) -> int:
    """Raises whatever the command raises; the request is open then."""
    code = COMMANDS[request.action](ctx, request.arguments, f"request {request.id}: {request.reason}")
    if code in (None, ExitCode.OK):
        close_request(session.database, request, CARRIED_OUT, by=session.operator, reason=None)
        print_line(f"request {request.id} is carried out")
        return ExitCode.OK
    return int(code)


def _require_agreed(session: Session, request: OwnerRequest) -> OwnerPreview:
    """What it does, which is what whoever asked was shown. Raises Refused."""
    _require_trusted(request)
    with snapshot(session.database) as connection:
        return require_as_shown(connection, request)


def _require_trusted(request: OwnerRequest) -> None:
    if not request.trusted:
        raise Refused(
            f"request {request.id} was entered by login {request.login}, which is no member of temple_operate: whoever "
            f"did that may not ask; to close it: temple operate refuse {request.id} --reason TEXT"
        )


def _sentence(request: OwnerRequest) -> str:
    of = " ".join(f"{name} {value}" for name, value in request.arguments.items())
    return f"request {request.id}: {request.action.replace('-', ' ')}{' of ' if of else ''}{of}"


def _row(request: OwnerRequest) -> dict[str, Any]:
    return {
        "id": request.id,
        "asked_at": request.asked_at,
        "request": _sentence(request).partition(": ")[2],
        "by": request.performed_by,
        "login": request.login,
        "reason": request.reason,
    }


def _erase(ctx: click.Context, arguments: Mapping[str, str], reason: str) -> Any:
    return ctx.invoke(erase_, user_id=arguments["member"], reason=reason, apply=True, yes=True)


def _switch(ctx: click.Context, arguments: Mapping[str, str], reason: str) -> Any:
    name, to = arguments["projection"], int(arguments["to"])
    return ctx.invoke(switch, name=name, to=to, reason=reason, apply=True, yes=True)


COMMANDS: Final[Mapping[str, Callable[[click.Context, Mapping[str, str], str], Any]]] = {
    "erase": _erase,
    "switch": _switch,
    "trigger-enable": lambda ctx, _, reason: ctx.invoke(enable, reason=reason),
    "trigger-disable": lambda ctx, _, reason: ctx.invoke(disable, reason=reason),
}
