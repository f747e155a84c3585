"""`temple discord`: setup, listen, backfill, snapshot."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import UUID

import click

from temple_ledger.domain.errors import AlreadyRunning, Refused
from temple_ledger.infrastructure.database.connection import DatabaseRole
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.ingestion.snapshots.snapshot import all_findings, read_snapshot, rows_of
from temple_ledger.infrastructure.log.notifier import Notifier
from temple_ledger.infrastructure.queries.consistent_read import snapshot as reading
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory
from temple_ledger.infrastructure.sources.discord.login import SERVICE
from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings, role_ids
from temple_ledger.infrastructure.sources.discord.setup_command import setup
from temple_ledger.infrastructure.terminal.applying import apply_options, asks, confirmed, require_apply
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.service_manager import notify_service_manager
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_fields
from temple_ledger.infrastructure.terminal.snapshot_report import show_found, show_json, show_outcome
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.registry import catalogue

MOST_DAYS: Final = 45

Result = TypeVar("Result")


@click.group("discord")
def command() -> None:
    """What Discord sends: frames as they come, and what was missed.

    The bot needs a token in TEMPLE_DISCORD_TOKEN (or a secret file), the intent SERVER MEMBERS, switched on in the
    developer portal, and in the guild the permission View Audit Log.
    """


command.add_command(setup)


@command.command("listen")
@click.pass_obj
def listen(session: Session) -> int:
    """Store every frame about members and roles, and translate them into events.

    When a session begins, it reads the audit log back, takes a snapshot and applies it, unless the guard holds it
    back: then it says so and goes on. While the database is away, frames wait in memory. On Ctrl-C or SIGTERM it stores
    what waits, and ends.

    Whoever has one of the roles of TEMPLE_DISCORD_ASK_ROLES may ask the ledger with /ledger, which temple discord setup
    --commands registers; nobody else sees the answers.

    \b
    Examples:
      temple discord listen
    \b
    Exit codes: 0 stopped; 1 Discord says no (token, intent, not in the guild), or frames were lost;
    4 no database, or Discord not reached; 5 another process listens for this ledger, the ledger is about
    another guild, the login is its owner, or the database does not fit this version.
    """
    from temple_ledger.infrastructure.names.book import NameBook
    from temple_ledger.infrastructure.names.roles import answer_roles
    from temple_ledger.infrastructure.names.server import serving_names
    from temple_ledger.infrastructure.sources.discord.asking import slash_answers, weekly_message
    from temple_ledger.infrastructure.sources.discord.listener import Listener
    from temple_ledger.infrastructure.sources.discord.one_listener import the_only_listener
    from temple_ledger.infrastructure.sources.discord.rest import pointed_at

    names = NameBook()
    token, settings = _token(session), session.settings.of(DiscordSettings)
    session.serves_as(SERVICE)
    with stopped_by_signals() as stop:
        _check(session)
        session.is_service()
        listener = Listener(
            session.database,
            token,
            guild=settings.discord_guild,
            say=session.note,
            names=names,
            slash=slash_answers(session, names),
            askers=role_ids(settings.discord_ask_roles),
            weekly=weekly_message(session),
        )
        stop.calls(listener.stop)
        lost: list[str] = []

        def end(sentence: str) -> None:
            lost.append(sentence)
            listener.stop()

        with (
            the_only_listener(session.database, end),
            announce_running(session.settings.home, "discord listen"),
            pointed_at(settings.discord_api_url, settings.discord_gateway_url),
            serving_names(session.settings.home, names, partial(answer_roles, listener.roles.of)),
        ):
            notify_service_manager("READY=1")
            listened = listener.run()
            notify_service_manager("STOPPING=1")
        session.note(f"ended; {plural(listened.frames, 'frame')} stored")
        if lost:
            raise AlreadyRunning(lost[0])
        if listened.lost:
            session.note(
                f"{plural(listened.lost, 'frame')} could not be stored; the next start looks for what was in them"
            )
            return ExitCode.FAILED
        return ExitCode.OK


@command.command("backfill")
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    help=f"So far back, also where it was read before; Discord has {MOST_DAYS} days.  [default: the last entry read]",
)
@as_json
@click.pass_obj
def backfill_(session: Session, days: int | None, as_json: bool) -> int:
    """Read the audit log back: who gave and took roles, kicked and banned.

    Entries say who did what; what a member is, frames and snapshots say. So entries of changes that were missed wait
    for the next snapshot. One that was cut short goes on where it was.

    \b
    Examples:
      temple discord backfill
      temple discord backfill --days 45 --json
    \b
    Exit codes: 0 read; 1 Discord says no; 4 no database, or Discord not reached; 5 another guild.
    """
    from temple_ledger.infrastructure.sources.discord.backfill import ReadBack, backfill
    from temple_ledger.infrastructure.sources.discord.rest import Rest

    since = None if days is None else datetime.now(UTC) - timedelta(days=days)

    async def work(rest: Rest, guild: str) -> ReadBack:
        with Notifier(session.database) as notifier:
            return await backfill(session.writing, rest, guild, notifier=notifier, since=since)

    print_fields(_asked(session, work)._asdict(), as_json=as_json)
    return ExitCode.OK


@command.command("snapshot")
@apply_options
@click.option("--confirm", is_flag=True, help="Apply it also where many would depart or lose a role.")
@click.option(
    "--accept-count",
    is_flag=True,
    help="Apply it also where Discord counts many more members than it listed: its count is approximate.",
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(0), help="Show so many at most; 0: all.")
@as_json
@click.pass_obj
def snapshot_(
    session: Session, apply: bool, yes: bool, confirm: bool, accept_count: bool, limit: int, as_json: bool
) -> int:
    """Compare all members that Discord lists with the ledger.

    The audit log is read back first, so that missed changes have an actor. With --apply the differences are appended,
    as events marked with the snapshot's id; on a terminal it asks first. It is held back when more than 5 % of the
    members, or more than 20, would depart or lose a role: look at them, then add --confirm. It is also held back when
    Discord lists many fewer members than it counts: if the list is right, add --accept-count.

    \b
    Examples:
      temple discord snapshot
      temple discord snapshot --apply
    \b
    Exit codes: 0 nothing differs, or all was appended; 1 Discord says no, or you did; 3 something differs;
    4 no database, or Discord not reached; 5 held back, or another guild.
    """
    from temple_ledger.infrastructure.sources.discord.catch_up import translate_all
    from temple_ledger.infrastructure.sources.discord.rest import Rest

    require_apply(apply=apply, yes=yes)
    outcome: dict[str, Any] = {"applied": False}
    refused = False
    with Notifier(session.database) as notifier:

        async def work(rest: Rest, guild: str) -> UUID:
            return await _taken(session, rest, guild, notifier)

        snapshot_id = _asked(session, work)
        if apply:
            translate_all(session.writing, notifier)
        with reading(session.database) as connection:
            taken = read_snapshot(connection, snapshot_id)
            findings = list(islice(all_findings(connection, snapshot_id, catalogue=catalogue()), limit or None))
            directory = read_directory(connection)
        if not as_json or (apply and asks(yes=yes)):
            rows = [_named(row, directory) for row in rows_of(findings)]
            show_found(taken, rows, source="discord", one="member", err=as_json)
        if apply:
            refused = bool(taken.differences) and not confirmed("Append this?", yes=yes)
            if not refused:
                outcome = _applied(session, snapshot_id, notifier, confirmed=confirm, count_accepted=accept_count)
    if as_json:
        with reading(session.database) as connection:
            taken = read_snapshot(connection, snapshot_id)
        show_json(taken, rows_of(findings), outcome)
    else:
        risk = f"{taken.at_risk:,} would depart or lose a role"
        show_outcome(session, taken, outcome, source="discord", risk=risk)
    if refused:
        return ExitCode.FAILED
    if outcome.get("held"):
        raise Refused(str(outcome["held"]))
    if not taken.complete:
        raise Refused(f"the snapshot is not complete: {taken.note}; take another one")
    return ExitCode.OK if apply or not taken.differences else ExitCode.FOUND


async def _taken(session: Session, rest: Any, guild: str, notifier: Notifier) -> UUID:
    from temple_ledger.infrastructure.database.in_thread import in_thread
    from temple_ledger.infrastructure.sources.discord.backfill import backfill
    from temple_ledger.infrastructure.sources.discord.catch_up import SETTLE_SECONDS, translate_all
    from temple_ledger.infrastructure.sources.discord.errors import DiscordRefuses
    from temple_ledger.infrastructure.sources.discord.snapshot import take_snapshot

    try:
        await backfill(session.writing, rest, guild, notifier=notifier)
    except DiscordRefuses as error:
        session.note(f"{error}; who changed what stays unknown")
    await in_thread(translate_all, session.writing, notifier)
    snapshot_id = await take_snapshot(session.writing, rest, guild)
    if await in_thread(_is_listening, session):
        # frames of what the snapshot has seen may still be on their way to the listener
        await asyncio.sleep(SETTLE_SECONDS)
    return snapshot_id


def _is_listening(session: Session) -> bool:
    """Whether a session of the gateway goes on, as far as anybody noted."""
    from temple_ledger.infrastructure.sources.discord.sessions import gateway_sessions

    with reading(session.database) as connection:
        return any(each.ended_at is None for each in gateway_sessions(connection, 1))


def _applied(
    session: Session, snapshot_id: UUID, notifier: Notifier, *, confirmed: bool, count_accepted: bool
) -> dict[str, Any]:
    from temple_ledger.domain.errors import HeldBack
    from temple_ledger.infrastructure.sources.discord.snapshot import apply_discord_snapshot

    try:
        done = apply_discord_snapshot(
            session.writing,
            snapshot_id,
            by=session.operator,
            confirmed=confirmed,
            count_accepted=count_accepted,
            notifier=notifier,
        )
    except HeldBack as held:
        return {"applied": False, "held": str(held)}
    return {"applied": True, "appended": done.events, "conflicts": done.conflicts}


def _named(row: dict[str, Any], directory: RoleDirectory) -> dict[str, Any]:
    kind, _, role = row["field"].partition(" ")
    return {**row, "field": f"role {directory.label(role)}"} if kind == "role" else row


def _asked(session: Session, work: Callable[[Any, str], Awaitable[Result]]) -> Result:
    from temple_ledger.infrastructure.sources.discord.listener import guild_of
    from temple_ledger.infrastructure.sources.discord.rest import logged_in, pointed_at

    token, settings = _token(session), session.settings.of(DiscordSettings)
    _check(session)

    async def asked() -> Result:
        async with logged_in(token, session.note) as rest:
            guild = await guild_of(session.database, settings.discord_guild, rest)
            return await work(rest, guild)

    with pointed_at(settings.discord_api_url, settings.discord_gateway_url):
        return asyncio.run(asked())


def _check(session: Session) -> None:
    with session.database.connect(DatabaseRole.TRANSLATE, application="temple discord") as connection:
        require_current(connection)


def _token(session: Session) -> str:
    token = session.settings.of(DiscordSettings).discord_token
    if token is None:
        raise Refused("there is no token of a Discord bot: set TEMPLE_DISCORD_TOKEN, or a secret file of that name")
    return token.get_secret_value()
