"""A membership as it is stored beside a snapshot's finding, and read back when the snapshot is applied."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from temple_ledger.domain.instant import format_instant, parse_instant
from temple_ledger.infrastructure.sources.patreon.membership import Absent, Membership
from temple_ledger.infrastructure.sources.patreon.model import tiers_as_json, tiers_of_json

_TIMES: Final = frozenset({"charged_at", "next_charge_at", "pledged_at"})


def membership_as_json(membership: Membership) -> dict[str, Any]:
    """Without what is absent."""
    return {
        field.name: _plain(value)
        for field in fields(membership)
        if not isinstance(value := getattr(membership, field.name), Absent)
    }


def membership_from_json(stored: Mapping[str, Any]) -> Membership:
    values = {name: _value(name, value) for name, value in stored.items()}
    return Membership(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_instant(value)
    return tiers_as_json(value) if isinstance(value, tuple) else value


def _value(name: str, value: Any) -> Any:
    if name == "tiers":
        return tiers_of_json(value)
    return parse_instant(value) if name in _TIMES and value is not None else value
