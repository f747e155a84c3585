"""`temple effects`: messages that follow from changes, and their way to the sinks."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.database.service_logins import EFFECTS
from temple_ledger.infrastructure.processes.sinks import configured_sinks
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.effects import EffectStatus, SinkStatus, effect_statuses, sink_statuses
from temple_ledger.infrastructure.read_models.effect_operations import chosen_entries, retry_effects, skip_effects
from temple_ledger.infrastructure.read_models.feed.deliverer import Deliverer
from temple_ledger.infrastructure.read_models.feed.outbox import OutboxEntry, entries
from temple_ledger.infrastructure.terminal.applying import required_reason
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.running import announce_running
from temple_ledger.infrastructure.terminal.service_manager import Watchdog, notify_service_manager
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.infrastructure.terminal.stopping import stopped_by_signals
from temple_ledger.infrastructure.terminal.text import listed, plural
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.registry import carried, catalogue

ATTENTION: Final = ("failed", "parked")
STATES: Final = ("waiting", "failed", "parked", "delivered", "skipped")
POLL_SECONDS: Final = 1.0
MOST_LISTED: Final = 200


@click.group("effects")
def command() -> None:
    """Messages that follow from the changes of projections.

    A step stores them together with the rows; a deliverer takes each to its sink, at least once.
    """


@command.command("run")
@click.option("--until-empty", is_flag=True, help="End once nothing that is due waits at any sink.")
@click.pass_obj
def run_(session: Session, until_empty: bool) -> int:
    """Deliver messages as they come, to every sink of the settings.

    Several may run at once: one delivers to a sink, another takes over when it is gone. A sink that does not
    answer holds up no other.

    \b
    Examples:
      temple effects run
      temple effects run --until-empty
    \b
    Exit codes: 0 stopped, or nothing is left that is due; 1 messages wait for another try; 4 no database;
    5 no sink is configured, or the login is the owner of the ledger; 130 stopped before it was empty.
    """
    session.serves_as(EFFECTS)
    database = session.database
    sinks = configured_sinks(session.settings)
    if not sinks:
        raise Refused("no sink is configured, so there is nowhere to deliver to; set sinks in temple.toml")
    session.reach()
    deliverer = Deliverer(database, sinks, keep_days=session.settings.effects_keep_days)
    with stopped_by_signals() as stop, announce_running(session.settings.home, "effects run"):
        if not until_empty:
            session.is_service()
            session.note(f"delivering to {listed(list(sinks))}; Ctrl-C ends it")
        stop.calls(deliverer.stop)
        with _alive():
            delivered = deliverer.run(until_empty=until_empty)
        notify_service_manager("STOPPING=1")
    print_line(f"{plural(delivered, 'message')} delivered")
    if not until_empty:
        return ExitCode.OK
    if stop.asked:
        return ExitCode.INTERRUPTED
    with snapshot(session.database) as connection:
        left = sum(each.waiting for each in sink_statuses(connection) if each.sink in sinks)
    if left:
        session.note(f"{plural(left, 'message')} could not be delivered yet; see: temple effects list")
    return ExitCode.FAILED if left else ExitCode.OK


@contextmanager
def _alive() -> Iterator[None]:
    """Reports to the service manager while the block lasts."""
    ended = threading.Event()

    def report() -> None:
        watchdog = Watchdog()
        while not ended.wait(POLL_SECONDS):
            watchdog()

    thread = threading.Thread(target=report, name="watchdog", daemon=True)
    notify_service_manager("READY=1")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@command.command("list")
@click.option("--state", type=click.Choice(STATES), multiple=True, help="In this state.  [default: failed, parked]")
@click.option("--sink", metavar="NAME", help="Only messages to this sink.")
@click.option("--projection", metavar="NAME", help="Only messages of this projection.")
@click.option("--limit", type=click.IntRange(min=1), default=MOST_LISTED, show_default=True, help="Messages at most.")
@as_json
@click.pass_obj
def list_(
    session: Session, state: tuple[str, ...], sink: str | None, projection: str | None, limit: int, as_json: bool
) -> None:
    """Every effect and every sink, and the messages that need somebody.

    States of a message: waiting, to be delivered; failed, the effect's function raised; parked, its sink refused
    it, or did not accept it for fifteen hours, and later ones of the member go on; delivered; skipped.

    \b
    Examples:
      temple effects list
      temple effects list --state waiting --sink moderators
    """
    with snapshot(session.reading) as connection:
        effects = effect_statuses(connection)
        sinks = sink_statuses(connection)
        found = entries(connection, states=state or ATTENTION, sink=sink, projection=projection, limit=limit)
    configured = configured_sinks(session.settings)
    if as_json:
        print_json(
            {
                "effects": [asdict(each) for each in effects],
                "sinks": [{**asdict(each), "configured": each.sink in configured} for each in sinks],
                "messages": [{**asdict(each), "message_id": each.message_id} for each in found],
                "not_installed": _not_installed(effects),
            }
        )
        return
    if not effects and not found:
        print_line("no projection has effects")
    if effects:
        columns = ("projection", "effect", "since", "waiting", "failed", "parked", "held back")
        print_rows(list(map(_effect_row, effects)), columns, as_json=False)
    if sinks:
        print_line()
        print_rows(
            [_sink_row(each, each.sink in configured) for each in sinks],
            ("sink", "waiting", "parked", "delivered", "state"),
            as_json=False,
        )
    if found:
        print_line()
        print_rows(list(map(_entry_row, found)), ("message", "state", "member", "effect", "sink", "why"), as_json=False)
        session.note(
            "after the cause is mended: temple effects retry MESSAGE; or leave it: temple effects skip MESSAGE"
        )
    for name in _not_installed(effects):
        session.note(f"{name} is declared and not installed: it raises nothing until you run: temple db migrate")


@command.command("retry")
@click.argument("messages", nargs=-1, type=click.IntRange(min=1), metavar="[MESSAGE]...")
@click.option("--all", "every", is_flag=True, help="Everything that failed or is parked.")
@click.option("--sink", metavar="NAME", help="With --all: only what is parked at this sink.")
@click.pass_obj
def retry_(session: Session, messages: tuple[int, ...], every: bool, sink: str | None) -> int:
    """Try messages again: parked ones at their sinks; of failed ones, the effect's function is called again.

    \b
    Examples:
      temple effects retry 17
      temple effects retry --all --sink moderators
    \b
    Exit codes: 0 they are waiting to be delivered; 1 a function raised again; 5 one is neither failed nor parked.
    """
    if bool(messages) == every:
        raise click.UsageError("name the messages, or give --all")
    if sink is not None and not every:
        raise click.UsageError("--sink is about --all")
    with snapshot(session.database) as connection:
        chosen = entries(connection, states=ATTENTION, sink=sink) if every else chosen_entries(connection, messages)
    if not chosen:
        print_line("no message failed or is parked")
        return ExitCode.OK
    done = retry_effects(session.database, chosen, carried(), by=session.operator, catalogue=catalogue())
    print_line(f"{plural(done.waiting, 'message')} to be delivered now")
    for entry, why in done.failed:
        print_line(f"  {entry.id} failed again: {why}")
    return ExitCode.FAILED if done.failed else ExitCode.OK


@command.command("skip")
@click.argument("messages", nargs=-1, required=True, type=click.IntRange(min=1), metavar="MESSAGE...")
@required_reason
@click.pass_obj
def skip_(session: Session, messages: tuple[int, ...], reason: str) -> None:
    """Leave messages undelivered for good.

    \b
    Example:
      temple effects skip 17 --reason "the channel is gone"
    \b
    Exit codes: 0 skipped; 5 one was delivered, or skipped before.
    """
    with snapshot(session.database) as connection:
        chosen = chosen_entries(connection, messages)
    skip_effects(session.database, chosen, by=session.operator, reason=reason)
    print_line(f"{plural(len(chosen), 'message')} skipped")


def _not_installed(effects: Sequence[EffectStatus]) -> list[str]:
    there = {(each.projection, each.version, each.name) for each in effects}
    return [
        f"effect {name} of {projection.name}"
        for projection in carried()
        if isinstance(projection, MemberProjection)
        for name in projection.effects
        if (projection.name, projection.version, name) not in there
    ]


def _effect_row(each: EffectStatus) -> dict[str, Any]:
    why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(each.reasons.items()))
    return {
        "projection": f"{each.projection}@{each.version}",
        "effect": each.name,
        "since": f"position {each.start_position}",
        "waiting": each.waiting,
        "failed": each.failed,
        "parked": each.parked,
        "held back": f"{each.held_back:,} ({why})" if why else "0",
    }


def _sink_row(each: SinkStatus, configured: bool) -> dict[str, Any]:
    if not configured:
        state = "no such sink in these settings"
    elif each.failing_since is not None:
        state = f"fails since {each.failing_since:%Y-%m-%d %H:%M} UTC: {each.error}"
    else:
        state = "at work" if each.held else "nobody delivers; run: temple effects run"
    return {
        "sink": each.sink,
        "waiting": each.waiting,
        "parked": each.parked,
        "delivered": each.delivered,
        "state": state,
    }


def _entry_row(each: OutboxEntry) -> dict[str, Any]:
    return {
        "message": str(each.id),
        "state": each.state,
        "member": each.user_id,
        "effect": f"{each.projection}.{each.effect}",
        "sink": each.sink,
        "why": each.error,
    }
