"""What Patreon may be set to."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from temple_ledger.infrastructure.settings import SourceSettings, Token
from temple_ledger.infrastructure.settings.urls import BaseUrl
from temple_ledger.infrastructure.sources.patreon.tier_roles import listed, tier_roles_of
from temple_ledger.infrastructure.sources.patreon.webhook_secrets import Campaigns, campaigns_of


class PatreonSettings(SourceSettings):
    patreon_secrets: Annotated[Campaigns, NoDecode, BeforeValidator(campaigns_of)] = Field(
        default_factory=dict,
        description="the secrets of Patreon's webhooks: one secret, or an object of campaigns and their secrets",
    )
    patreon_token: Token | None = Field(default=None, description="the creator's access token, to read from Patreon")
    patreon_refresh_token: Token | None = Field(
        default=None, description="its refresh token; the pairs that follow are stored in the database"
    )
    patreon_client_id: str | None = Field(default=None, description="of the client that the tokens belong to")
    patreon_client_secret: Token | None = Field(default=None, description="to refresh them")
    patreon_campaign_ids: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(),
        description="the campaigns to read, separated by commas; by default all of the token. What says it is of "
        "another one is set aside",
    )
    patreon_api_url: BaseUrl = Field(default="https://www.patreon.com", description="where Patreon is")
    tier_roles: Annotated[dict[str, tuple[str, ...]], NoDecode, BeforeValidator(tier_roles_of)] = Field(
        default_factory=dict,
        description="the roles of each paid tier, ids or titles to ids or names, for temple patreon mismatches; "
        "by default those that Patreon gives for each tier",
    )
