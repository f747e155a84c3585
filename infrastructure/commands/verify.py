"""`temple verify`: the tables against the fold of the log."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from infrastructure.commands.exit_codes import ExitCode
from infrastructure.commands.progress import bar
from infrastructure.commands.session import Session, as_json, print_json, print_rows
from infrastructure.commands.wording import plural
from infrastructure.projecting.operations import parked
from infrastructure.reading.member import stored_member_count
from infrastructure.reading.role_directory import RoleDirectory, read_directory
from infrastructure.reading.snapshot import snapshot
from infrastructure.verifying.full import verify
from infrastructure.verifying.verified import Verified
from projections.drift import Drift
from projections.members import ROLES
from projections.processor import Projection
from projections.registry import catalogue, installed, named
from projections.tally import Tally

SHOWN = 20
"""How many differences a person is shown; --json has the first thousand."""


@click.command("verify")
@click.argument("projections", nargs=-1, metavar="[PROJECTION]...")
@click.option("--full", is_flag=True, help="Every member and every count. Without it, too, for the time being.")
@as_json
@click.pass_obj
def command(session: Session, projections: tuple[str, ...], full: bool, as_json: bool) -> int:
    """Compare what is stored with what the log says, at one position, while everything else goes on.

    It also compares how many events were passed with how many there are. Parked members are listed
    apart: their rows are as before the event that parked them.

    \b
    Examples:
      temple verify --full
      temple verify members --json
    \b
    Exit codes: 0 all agrees; 3 rows differ, events were miscounted, or a projection needs a replay first.
    """
    wanted = [named(name) for name in dict.fromkeys(projections)] or list(installed().values())
    if not full:
        session.say("comparing everything: there is only the full verify so far")
    found = [_verify(session, projection) for projection in wanted]
    if as_json:
        print_json([_data(verified) for verified in found])
    else:
        with snapshot(session.database) as connection:
            directory = read_directory(connection)
        for verified in found:
            _tell(session, verified, directory)
    if all(map(_agrees, found)):
        return ExitCode.OK
    drifted = [verified.projection for verified in found if verified.drifts]
    if drifted:
        session.say(f"to put the rows of the log in place: temple replay {' '.join(drifted)}")
    return ExitCode.FOUND


def _verify(session: Session, projection: Projection) -> Verified:
    total = None
    if not isinstance(projection, Tally):
        with snapshot(session.database) as connection:
            total = stored_member_count(connection, projection)
    with bar(session.progress, f"comparing {projection.name}", total, "members") as shown:
        return verify(session.database, projection, catalogue=catalogue(), progress=shown.at)


def _agrees(verified: Verified) -> bool:
    return verified.ok and verified.unverified is None


def _tell(session: Session, verified: Verified, directory: RoleDirectory) -> None:
    name = verified.projection
    if verified.unverified is not None:
        click.echo(f"{name}: not verified, {verified.unverified}")
        return
    what = "count" if isinstance(named(name), Tally) else "member"
    differ = f"{plural(verified.drifted_members, what)} differ" if verified.drifts else "all agree"
    click.echo(f"{name}: {plural(verified.members, what)} compared at position {verified.position}, {differ}")
    if verified.miscounted:
        click.echo(
            f"  miscounted: it passed {plural(verified.passed, 'event')}, the log has {verified.in_log:,} "
            "up to there: events were lost on the way, or the log was altered"
        )
    elif verified.in_log is not None:
        click.echo(f"  passed {plural(verified.passed, 'event')}, as many as the log has up to there")
    if verified.drifts:
        _print_drifts(verified.listed[:SHOWN], directory)
    if verified.drifts > SHOWN:
        click.echo(f"  and {plural(verified.drifts - SHOWN, 'difference')} more; --json lists the first thousand")
    if verified.parked:
        _tell_parked(session, verified)


def _tell_parked(session: Session, verified: Verified) -> None:
    with snapshot(session.database) as connection:
        failures = parked(connection, projection=verified.projection)
    click.echo(f"  parked apart: {plural(len(failures), 'event')}; see: temple failures list")
    for failure in failures[:SHOWN]:
        click.echo(f"    {failure.user_id} at position {failure.position}: {failure.error}")


def _print_drifts(drifts: Sequence[Drift], directory: RoleDirectory) -> None:
    for table in dict.fromkeys(drift.table for drift in drifts):
        rows = [_row(drift, directory) for drift in drifts if drift.table == table]
        columns = ("user_id", "what", "stored", "folded") if rows[0]["user_id"] else ("what", "stored", "folded")
        print_rows(rows, columns, as_json=False, title=table)


def _row(drift: Drift, directory: RoleDirectory) -> dict[str, Any]:
    of = ", ".join(
        directory.label(value) if drift.table == ROLES.name and name == "role" else _told(value)
        for name, value in drift.key.items()
    )
    column = drift.column or drift.kind.value
    return {
        "user_id": drift.user_id,
        "what": f"{of}: {column}" if of else column,
        "stored": _side(drift, drift.stored),
        "folded": _side(drift, drift.folded),
    }


def _side(drift: Drift, value: Any) -> str | None:
    """A value; of a whole row, those that are not its key."""
    if isinstance(value, dict):
        return ", ".join(_told(each) for name, each in value.items() if name not in drift.key) or "a row"
    return None if value is None else _told(value)


def _told(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)


def _data(verified: Verified) -> dict[str, Any]:
    data = asdict(verified)
    data["differences"] = data.pop("listed")
    return {**data, "ok": _agrees(verified), "miscounted": verified.miscounted}
