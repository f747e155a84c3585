"""What Discord may be set to."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from temple_ledger.infrastructure.settings import SourceSettings, Token


def _id(given: str) -> str:
    if not re.fullmatch(r"[0-9]{1,20}", given):
        raise ValueError(f"it is {given!r}, and has to be the id of a server, a number of about 19 digits")
    return given


class DiscordSettings(SourceSettings):
    discord_token: Token | None = Field(default=None, description="the token of the Discord bot")
    discord_guild: Annotated[str, AfterValidator(_id)] | None = Field(
        default=None, description="the guild of this ledger; by default the only one of the bot"
    )
    discord_api_url: str | None = Field(default=None, description="another place than Discord's REST API, for tests")
    discord_gateway_url: str | None = Field(default=None, description="another place than Discord's gateway, for tests")
