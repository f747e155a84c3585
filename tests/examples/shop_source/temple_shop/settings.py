"""What the shop may be set to: TEMPLE_SHOP_SECRET, secret files and temple.toml come with it."""

from pydantic import Field, SecretStr

from temple_ledger import SourceSettings


class ShopSettings(SourceSettings):
    shop_secret: SecretStr | None = Field(default=None, description="the secret that the shop signs with")
    shop_role: str = Field(default="Supporter", description="the role that an order gives")
