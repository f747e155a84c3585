"""What Discord may be set to."""

from pydantic import Field

from temple_ledger.infrastructure.settings import SourceSettings, Token


class DiscordSettings(SourceSettings):
    discord_token: Token | None = Field(default=None, description="the token of the Discord bot")
    discord_guild: str | None = Field(
        default=None, pattern=r"^\d{1,20}$", description="the guild of this ledger; by default the only one of the bot"
    )
    discord_api_url: str | None = Field(default=None, description="another place than Discord's REST API, for tests")
    discord_gateway_url: str | None = Field(default=None, description="another place than Discord's gateway, for tests")
