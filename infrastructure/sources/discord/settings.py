"""What Discord may be set to."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from temple_ledger.infrastructure.settings import SourceSettings, Token
from temple_ledger.infrastructure.settings.urls import BaseUrl, GatewayUrl


def _id(given: str) -> str:
    if not re.fullmatch(r"[0-9]{1,20}", given):
        raise ValueError(f"it is {given!r}, and has to be an id of Discord, a number of about 19 digits")
    return given


def _ids(given: str) -> str:
    for each in given.split(","):
        _id(each.strip())
    return given


Id = Annotated[str, AfterValidator(_id)]
Ids = Annotated[str, AfterValidator(_ids)]


def role_ids(written: str | None) -> frozenset[str]:
    return frozenset(each.strip() for each in (written or "").split(",") if each.strip())


class DiscordSettings(SourceSettings):
    discord_token: Token | None = Field(default=None, description="the token of the Discord bot")
    discord_guild: Id | None = Field(
        default=None, description="the guild of this ledger; by default the only one of the bot"
    )
    discord_api_url: BaseUrl | None = Field(
        default=None, description="another place than Discord's REST API, for tests"
    )
    discord_gateway_url: GatewayUrl | None = Field(
        default=None, description="another place than Discord's gateway, for tests"
    )
    discord_client_id: Id | None = Field(
        default=None, description="the id of the application, with which people sign in"
    )
    discord_client_secret: Token | None = Field(default=None, description="the client secret of the application")
    discord_console_read: Ids | None = Field(
        default=None, description="who may read the console: ids of roles, separated by commas"
    )
    discord_console_operate: Ids | None = Field(
        default=None, description="who may operate the ledger from the console: ids of roles"
    )
    discord_console_bodies: Ids | None = Field(
        default=None, description="who may see deliveries as they came: ids of roles"
    )
    discord_weekly_channel: Id | None = Field(
        default=None, description="the channel that gets a message about the ledger each Monday"
    )
    discord_ask_roles: Ids | None = Field(
        default=None, description="who may ask the bot with /ledger: ids of roles, separated by commas"
    )
