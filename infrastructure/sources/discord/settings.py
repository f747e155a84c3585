"""What Discord may be set to."""

from typing import Final

from pydantic import Field

from temple_ledger.infrastructure.settings import SourceSettings, Token

ROLES: Final = r"^\s*\d{1,20}\s*(,\s*\d{1,20}\s*)*$"


class DiscordSettings(SourceSettings):
    discord_token: Token | None = Field(default=None, description="the token of the Discord bot")
    discord_guild: str | None = Field(
        default=None, pattern=r"^\d{1,20}$", description="the guild of this ledger; by default the only one of the bot"
    )
    discord_api_url: str | None = Field(default=None, description="another place than Discord's REST API, for tests")
    discord_gateway_url: str | None = Field(default=None, description="another place than Discord's gateway, for tests")
    discord_client_id: str | None = Field(
        default=None,
        pattern=r"^\d{1,20}$",
        description="the id of the application, with which people sign in",
    )
    discord_client_secret: Token | None = Field(default=None, description="the client secret of the application")
    discord_console_read: str | None = Field(
        default=None, pattern=ROLES, description="who may read the console: ids of roles, separated by commas"
    )
    discord_console_operate: str | None = Field(
        default=None, pattern=ROLES, description="who may operate the ledger from the console: ids of roles"
    )
    discord_console_bodies: str | None = Field(
        default=None, pattern=ROLES, description="who may see deliveries as they came: ids of roles"
    )
