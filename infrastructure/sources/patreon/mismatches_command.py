"""`temple patreon mismatches`: who pays without the role, and who holds the role without paying."""

from typing import Any

import click

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.role_directory import RoleDirectory, read_directory, require_role
from temple_ledger.infrastructure.sources.patreon.mismatches import mismatched, paying_and_not_here, tier_roles
from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings
from temple_ledger.infrastructure.terminal.exit_codes import ExitCode
from temple_ledger.infrastructure.terminal.member_rows import print_waiting
from temple_ledger.infrastructure.terminal.printing import print_line
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_json, print_rows
from temple_ledger.infrastructure.terminal.text import plural
from temple_ledger.projections.members import members

COLUMNS = ("mismatch", "user_id", "tier", "role", "granted_at", "granted_by")


@click.command("mismatches")
@click.option("--role", metavar="ROLE", help="Only of this role, an id or a name.")
@as_json
@click.pass_obj
def mismatches(session: Session, role: str | None, as_json: bool) -> int:
    """List who pays for a tier without holding its role, and who holds the role without paying for it.

    Also listed is who pays as before for a tier that its creator deleted. By the derived tables, so as of what
    the runner has folded; events that it has not folded yet are counted on stderr. Which roles a tier has is the
    setting tier_roles, and else what Patreon says its own bot hands out. Patrons whom nobody saw in the guild, and
    those without a Discord account, are left out.
    Patreon's bot takes minutes: what began a moment ago may be no mismatch yet.

    \b
    Examples:
      temple patreon mismatches
      TEMPLE_TIER_ROLES='Acolyte=Temple Acolyte' temple patreon mismatches --role "Temple Acolyte" --json
    \b
    Exit codes: 0 none; 3 there are mismatches; 5 no role is known for any tier.
    """
    with snapshot(session.reading) as connection:
        directory = read_directory(connection)
        only = None if role is None else require_role(connection, directory, role)
        roles = tier_roles(connection, directory, session.settings.of(PatreonSettings).tier_roles)
        if not roles.wanted:
            raise Refused(
                "no role is known for any tier; set TEMPLE_TIER_ROLES, as TIER=ROLE with commas between, "
                "or let Patreon say it: temple patreon snapshot"
            )
        found = [each for each in mismatched(connection, roles.wanted) if only in (None, each.role)]
        elsewhere = paying_and_not_here(connection)
        print_waiting(session, connection, members.name)
    if as_json:
        print_json([{**each._asdict(), "role_name": _name(directory, each.role)} for each in found])
    elif found:
        rows = [{**each._asdict(), "role": each.role and directory.label(each.role)} for each in found]
        print_rows(rows, COLUMNS, as_json=False)
    for title, paying in roles.without.items():
        session.note(f"no role is known for tier {title}, which {plural(paying, 'member')} pay for")
    if elsewhere:
        session.note(f"{plural(elsewhere, 'patron')} with a Discord account not seen in the guild, left out")
    session.note(f"{plural(len(found), 'difference')} between tiers and roles")
    return ExitCode.FOUND if found else ExitCode.OK


@click.command("drift", hidden=True, params=mismatches.params)
@click.pass_context
def drift(ctx: click.Context, /, **given: Any) -> int:
    """What `temple patreon mismatches` was called before; gone in the next release."""
    print_line("temple: `temple drift` is now called `temple patreon mismatches`; the next release drops it", err=True)
    code: int = ctx.invoke(mismatches, **given)
    return code


def _name(directory: RoleDirectory, role: str | None) -> str | None:
    return None if role is None else directory.get(role).name
