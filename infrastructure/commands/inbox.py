"""`temple inbox`: what senders told us, and what became of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.infrastructure.database.connection import DatabaseRole, database_errors
from temple_ledger.infrastructure.ingestion.inbox import administration as listing
from temple_ledger.infrastructure.ingestion.inbox.administration import Chosen, Listed
from temple_ledger.infrastructure.ingestion.inbox.delivery import DeliveryState
from temple_ledger.infrastructure.ingestion.inbox.health import sources as read_sources
from temple_ledger.infrastructure.ingestion.inbox.retention import prunable
from temple_ledger.infrastructure.ingestion.inbox.retention import prune as prune_inbox
from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.operating.deliveries import (
    ignore_deliveries,
    retry_deliveries,
    retry_every_delivery,
)
from temple_ledger.infrastructure.processes.sources import translators
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.terminal.applying import required_reason
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import (
    is_terminal,
    print_bytes,
    print_line,
    print_note,
    print_text,
    stdout,
)
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.infrastructure.terminal.times import BEGINNING

COLUMNS = ("id", "source", "kind", "origin", "received_at", "state", "repeats", "size", "note")
SOURCES = ("source", "last_received_at", "received", "repeats", "waiting", "failed", "unparseable", "events")
AGAIN = (DeliveryState.FAILED, DeliveryState.UNPARSEABLE, DeliveryState.SET_ASIDE)

source_option = click.option("--source", metavar="NAME", help="Only of this source, such as patreon.")
kind_option = click.option("--kind", metavar="NAME", help="Only of this trigger or dispatch.")


@click.group("inbox")
def command() -> None:
    """What senders told us, as it came, and what became of it.

    Bodies hold names and e-mails: they are shown only by `show --body`.
    """


@command.command("list")
@source_option
@click.option("--state", type=click.Choice([each.value for each in DeliveryState]), help="Only those that stand there.")
@kind_option
@click.option(
    "--since", type=BEGINNING, metavar="TIME", help="Only those received at TIME or later; a date is its beginning."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@as_json
@click.pass_obj
def list_(
    session: Session,
    source: str | None,
    state: str | None,
    kind: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Deliveries without their bodies, the newest first.

    \b
    Examples:
      temple inbox list --state failed
      temple inbox list --source patreon --kind members:pledge:delete --since 2026-03-01
    """
    chosen = Chosen(source, kind, None if state is None else DeliveryState(state), since)
    with snapshot(session.reading) as connection:
        found = listing.deliveries(connection, chosen, limit=limit)
    if found or as_json:
        print_rows([_row(each) for each in found], COLUMNS, as_json=as_json)
    else:
        session.note("no such delivery")


@command.command("show")
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@click.option("--body", is_flag=True, help="The body too. It may hold names and e-mails.")
@click.option("--raw", is_flag=True, help="Nothing but the body, byte by byte.")
@as_json
@click.pass_obj
def show(session: Session, number: int, body: bool, raw: bool, as_json: bool) -> None:
    """One delivery. Its body only when it is asked for.

    \b
    Examples:
      temple inbox show 4711 --body
      temple inbox show 4711 --raw > body.json
    """
    if raw:
        _print_raw(_body(session, number))
        return
    with snapshot(session.reading) as connection:
        found = listing.delivery(connection, number)
    content = _body(session, number) if body else None
    data = {**found._asdict(), "state": found.state.value}
    if as_json:
        print_json(data if content is None else {**data, "body": _parsed(content)})
        return
    print_fields({**data, "id": str(found.id)}, as_json=False)
    if content is not None:
        print_line()
        print_text(_pretty(content))


@command.command("retry")
@click.argument("numbers", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1))
@click.option("--all", "every", is_flag=True, help="All in that state.")
@click.option(
    "--state",
    type=click.Choice([each.value for each in AGAIN]),
    default=DeliveryState.FAILED.value,
    show_default=True,
    help="Those that stand there.",
)
@source_option
@kind_option
@click.pass_obj
def retry(
    session: Session, numbers: tuple[int, ...], every: bool, state: str, source: str | None, kind: str | None
) -> None:
    """Let deliveries be translated again: after the cause is mended, or by a version that reads more of them.

    They are translated by what runs the translator of their source, before what came later and waits still. What
    they gave before is not given again.

    \b
    Examples:
      temple inbox retry 4711 4712
      temple inbox retry --all --source patreon
      temple inbox retry --all --state unparseable --kind members:update
    """
    if bool(numbers) == every:
        raise click.UsageError("name the deliveries, or give --all")
    if numbers and (source or kind):
        raise click.UsageError("--source and --kind are about --all")
    by, wanted = session.operator, DeliveryState(state)
    if numbers:
        done = retry_deliveries(session.database, numbers, by=by, state=wanted)
    else:
        done = retry_every_delivery(session.database, by=by, state=wanted, source=source, kind=kind)
    print_line(f"{plural(done, 'delivery', 'deliveries')} waiting again")


@command.command("ignore")
@click.argument("numbers", metavar="ID...", nargs=-1, required=True, type=click.IntRange(min=1))
@required_reason
@click.pass_obj
def ignore(session: Session, numbers: tuple[int, ...], reason: str) -> None:
    """Mark failed or unreadable deliveries as ignored.

    They no longer count as trouble, and are pruned when they are old.

    \b
    Example:
      temple inbox ignore 4711 --reason "garbage of an old test"
    """
    done = ignore_deliveries(session.database, numbers, by=session.operator, reason=reason)
    print_line(f"{plural(done, 'delivery', 'deliveries')} set aside")


@command.command("set-aside", hidden=True, params=ignore.params)
@click.pass_context
def set_aside(ctx: click.Context, /, **given: Any) -> None:
    """What `temple inbox ignore` was called before; gone in the next release."""
    ctx.invoke(ignore, **given)
    print_note("temple: `temple inbox set-aside` is now called `temple inbox ignore`; the next release drops it")


@command.command("translate")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.pass_obj
def translate(session: Session, sources: tuple[str, ...]) -> int:
    """Translate what waits, until nothing does: of all sources that have a translator, or of those named.

    `temple receive` and `temple up` do so as deliveries come; of one source, only one process does at a time.

    \b
    Example:
      temple inbox retry --all --source patreon && temple inbox translate patreon
    \b
    Exit codes: 0 nothing waits any more; 1 some could not be translated, or another process is at it.
    """
    found = translators(session.settings)
    made = {each.source: each for each in found.made}
    for source in sources:
        if source not in made:
            raise found.failed.get(source) or UnknownName("translator of source", source, tuple(sorted(made)))
    for error in found.failed.values():
        session.note(f"{error}; the other sources go on")
    ended = not found.failed
    with Notifier(session.database) as notifier:
        for source in sources or sorted(made):
            with TranslationWorker(session.database, made[source], notifier=notifier) as worker:
                ended &= _drained(source, worker)
    return ExitCode.OK if ended else ExitCode.FAILED


@command.command("prune")
@click.option("--older-than-days", type=click.IntRange(1), metavar="N", help="[env: TEMPLE_INBOX_KEEP_DAYS]")
@click.option("--dry-run", is_flag=True, help="Only print how many.")
@click.pass_obj
def prune(session: Session, older_than_days: int | None, dry_run: bool) -> None:
    """Delete deliveries that are translated and old; the receiver does so once a day.

    Those that wait or failed stay, however old they are; events stay in any case.

    \b
    Example:
      temple inbox prune --older-than-days 30 --dry-run
    """
    days = older_than_days or session.settings.inbox_keep_days
    before = datetime.now(UTC) - timedelta(days=days)
    with (
        session.database.connect(DatabaseRole.TRANSLATE, application="temple inbox") as connection,
        database_errors("pruning the inbox"),
    ):
        number = prunable(connection, before=before) if dry_run else prune_inbox(connection, before=before)
    done = "would be deleted" if dry_run else "deleted"
    print_line(f"{plural(number, 'delivery', 'deliveries')} older than {plural(days, 'day')} {done}")


@command.command("sources")
@as_json
@click.pass_obj
def sources(session: Session, as_json: bool) -> None:
    """Who sends, when last, and what waits or failed.

    \b
    Example:
      temple inbox sources --json
    """
    with snapshot(session.reading) as connection:
        found = read_sources(connection)
    if found or as_json:
        print_rows([each._asdict() for each in found], SOURCES, as_json=as_json)
    else:
        session.note("nothing was received yet")


def _drained(source: str, worker: TranslationWorker) -> bool:
    """Whether everything was translated."""
    deliveries = events = failed = 0
    while True:
        stepped = worker.step()
        if stepped.elsewhere:
            print_line(f"{source}: another process translates it at the moment")
            return False
        deliveries, events, failed = deliveries + stepped.deliveries, events + stepped.events, failed + stepped.failed
        if stepped.drained:
            break
    done = plural(deliveries, "delivery", "deliveries")
    print_line(f"{source}: {done} translated, {plural(events, 'event')} added, {failed:,} failed")
    return not failed


def _row(found: Listed) -> dict[str, Any]:
    return {**found._asdict(), "id": found.id, "state": found.state.value}


def _body(session: Session, number: int) -> bytes:
    with (
        session.database.connect(DatabaseRole.TRANSLATE, application="temple inbox") as connection,
        database_errors("reading a body"),
    ):
        return listing.body(connection, number)


def _parsed(body: bytes) -> Any:
    """As JSON where it is, as text otherwise."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "backslashreplace")


def _pretty(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "backslashreplace")


def _print_raw(body: bytes) -> None:
    """Raises Refused for a terminal, which the sender of the body could steer with it."""
    if is_terminal(stdout()):
        raise Refused("the body goes to a file or a program byte by byte, not to a terminal; to read it: --body")
    print_bytes(body)
