"""The secrets of Patreon's webhooks, as settings give them."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, field_validator

ONLY: Final = "main"
"""What a campaign is called when only a secret is given."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class CampaignSecret(BaseModel):
    """One of a campaign's secrets; *until* ends an old one after a rotation."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    secret: SecretStr
    until: AwareDatetime | None = None

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        # Patreon's have more; this keeps out empty ones and placeholders
        if len(secret.get_secret_value()) < 16:
            raise ValueError("a secret has fewer than 16 characters")
        return secret

    def __repr__(self) -> str:
        return "a secret" if self.until is None else f"a secret until {self.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"

    __str__ = __repr__


Campaigns = dict[str, list[CampaignSecret]]
"""Secrets by the name of the campaign, which ends the path that Patreon is given."""


def campaigns_of(value: object) -> object:
    """What a person may write: one secret, or several separated by spaces, of the only campaign; or, as JSON or TOML,
    an object that gives each campaign a secret or a list of them, each a string or {secret, until}.

    Raises ValueError, never with a secret in it.
    """
    if isinstance(value, str):
        text = value.strip()
        value = _object(text) if text.startswith("{") else {ONLY: text.split()} if text else {}
    if not isinstance(value, Mapping):
        raise ValueError("write a secret, or an object of campaigns and their secrets")
    return {_named(name): [_secret(each) for each in _listed(given)] for name, given in value.items()}


def _object(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("begins with { and is not JSON") from None


def _named(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError("the name of a campaign is a part of a path: lower-case letters, digits, - and _")
    return name


def _listed(given: object) -> list[Any]:
    found = list(given) if isinstance(given, list | tuple) else [given]
    if not found:
        raise ValueError("a campaign has no secret")
    return found


def _secret(given: object) -> object:
    return {"secret": given} if isinstance(given, str) else given


def living(secrets: list[CampaignSecret], now: datetime) -> list[CampaignSecret]:
    return [each for each in secrets if each.until is None or now < each.until]
