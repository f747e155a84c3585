"""Patreon's page in the console: who pays without the role, who has the role without paying, and what is in doubt."""

from collections.abc import Iterable
from typing import Final

from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.queries.consistent_read import Connection
from temple_ledger.infrastructure.queries.health import Trouble
from temple_ledger.infrastructure.queries.not_folded import not_folded
from temple_ledger.infrastructure.queries.role_directory import read_directory
from temple_ledger.infrastructure.queries.source_page import CellKind, SourceColumn, SourcePage, SourceTable
from temple_ledger.infrastructure.sources.patreon.health import Token, patreon_health
from temple_ledger.infrastructure.sources.patreon.mismatches import (
    Mismatch,
    mismatched,
    paying_and_not_here,
    tier_roles,
)
from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings

WITHOUT_ROLE: Final = "paid without role"
WITHOUT_PAYING: Final = "role without paid"
_WHO: Final = SourceColumn("user_id", "Member", CellKind.PERSON)
_TIER: Final = SourceColumn("tier", "Pays for")
_ROLE: Final = SourceColumn("role", "Role", CellKind.ROLE)
_SINCE: Final = SourceColumn("granted_at", "Since", CellKind.TIME)
_BY: Final = SourceColumn("granted_by", "Given by", CellKind.PERSON)


def patreon_page(connection: Connection, settings: PatreonSettings) -> SourcePage:
    roles = tier_roles(connection, read_directory(connection), settings.tier_roles)
    found = list(mismatched(connection, roles.wanted)) if roles.wanted else []
    health, behind = patreon_health(connection), not_folded(connection)
    notes = [
        f"No role is known for tier {tier}, which {plural(n, 'member')} pay for." for tier, n in roles.without.items()
    ]
    elsewhere = paying_and_not_here(connection)
    if elsewhere:
        notes.append(
            f"{plural(elsewhere, 'patron has', 'patrons have')} a Discord account not seen in the guild: left out here."
        )
    unknown = None if roles.wanted else "Not known: no role is known for any tier."
    if unknown is not None:
        notes.append("Set TEMPLE_TIER_ROLES, as TIER=ROLE with commas between, or take a snapshot of Patreon.")
    return SourcePage(
        "Patreon",
        [
            SourceTable(
                "without_role",
                "Pays without the role",
                (_WHO, _TIER, _ROLE),
                _rows(found, WITHOUT_ROLE),
                unknown or "Everybody who pays has the role.",
            ),
            SourceTable(
                "without_paying",
                "Has the role without paying",
                (_WHO, _ROLE, _SINCE, _BY),
                _rows(found, WITHOUT_PAYING),
                unknown or "Nobody has a role of a tier without paying for it.",
            ),
            SourceTable(
                "unclear",
                "Pays, and the tier is not clear",
                (_WHO, SourceColumn("mismatch", "What"), _TIER, _ROLE),
                [each._asdict() for each in found if each.mismatch not in (WITHOUT_ROLE, WITHOUT_PAYING)],
                unknown or "Every payment belongs to a tier.",
            ),
            SourceTable(
                "webhooks",
                "Webhooks",
                (SourceColumn("webhook", "Webhook"), SourceColumn("state", "State")),
                [{"webhook": each.webhook_id, "state": _state(each.paused, each.failures)} for each in health.webhooks],
                "Patreon has not described its webhooks yet: temple patreon webhooks",
            ),
            SourceTable(
                "token",
                "Token",
                (SourceColumn("what", "What"), SourceColumn("at", "When", CellKind.TIME)),
                [] if health.token is None else _token(health.token),
                "No token was refreshed yet.",
            ),
        ],
        troubles=[Trouble(*each) for each in health.sentences],
        notes=[
            *notes,
            *_doubts(health.losses + health.orders + health.tiers),
            *health.lines,
        ],
        not_folded=behind,
    )


def _rows(found: Iterable[Mismatch], which: str) -> list[dict[str, object]]:
    return [each._asdict() for each in found if each.mismatch == which]


def _state(paused: bool, failures: int) -> str:
    return "paused by Patreon" if paused else f"failed {failures:,} times in a row" if failures else "delivers"


def _token(token: Token) -> list[dict[str, object]]:
    found = {
        "refreshed": token.refreshed_at,
        "to be refreshed": token.refresh_at,
        "ends": token.expires_at,
        "refused": token.refused_at,
    }
    return [{"what": words, "at": at} for words, at in found.items() if at is not None]


def _doubts(number: int) -> list[str]:
    few = plural(number, "membership is", "memberships are")
    return [f"{few} in doubt, and Patreon is asked again."] if number else []
