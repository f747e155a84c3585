"""Which roles go with which tier, as a person writes it into the settings."""

import json
from collections.abc import Mapping
from typing import Any


def tier_roles_of(value: object) -> object:
    """An object of tiers (ids or titles) and their roles (ids or names): one, or a list.

    In the environment as JSON, or as `Acolyte=400…, Oracle=500…`. Raises ValueError.
    """
    if isinstance(value, str):
        value = _read(value.strip())
    if not isinstance(value, Mapping):
        raise ValueError("write an object of tiers and their roles")
    return {str(tier): _roles(roles) for tier, roles in value.items()}


def listed(value: object) -> object:
    """Of texts with commas between them, or a list."""
    if isinstance(value, str):
        return tuple(each.strip() for each in value.split(",") if each.strip())
    return tuple(map(str, value)) if isinstance(value, list | tuple) else value


def _read(text: str) -> Any:
    if text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            raise ValueError("begins with { and is not JSON") from None
    pairs = [each.split("=", 1) for each in text.split(",") if each.strip()]
    if any(len(pair) != 2 or not pair[0].strip() or not pair[1].strip() for pair in pairs):
        raise ValueError("write TIER=ROLE, separated by commas, or JSON")
    found: dict[str, list[str]] = {}
    for tier, role in pairs:
        found.setdefault(tier.strip(), []).append(role.strip())
    return found


def _roles(roles: object) -> tuple[str, ...]:
    given = list(roles) if isinstance(roles, list | tuple) else [roles]
    if not given or not all(isinstance(each, str | int) and str(each).strip() for each in given):
        raise ValueError("the roles of a tier are ids or names: one, or a list")
    return tuple(str(each).strip() for each in given)
