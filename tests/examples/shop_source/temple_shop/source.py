"""The shop, and everything that it brings to the ledger."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from temple_ledger import Health, Source, Verb

if TYPE_CHECKING:
    import psycopg

    from temple_ledger import Endpoint, Settings
    from temple_shop.settings import ShopSettings
    from temple_shop.translator import ShopTranslator


class ShopSource(Source):
    name = "shop"
    command = Verb("temple_shop.commands:command", "The shop's orders: install, orders.")
    verified_by = "shop_secret"

    def settings(self) -> "type[ShopSettings]":
        from temple_shop.settings import ShopSettings

        return ShopSettings

    def endpoints(self, settings: "Settings") -> "Sequence[Endpoint]":
        from temple_shop.webhook import shop_endpoint

        secret = settings.of(self.settings()).shop_secret
        return [] if secret is None else [shop_endpoint(secret.get_secret_value().encode())]

    def translator(self, settings: "Settings") -> "ShopTranslator":
        from temple_shop.translator import ShopTranslator

        return ShopTranslator(settings.of(self.settings()).shop_role)

    def health(self, connection: "psycopg.Connection[Any]", settings: "Settings") -> Health:
        from temple_shop.orders import shop_health

        return shop_health(connection)

    def readings(self) -> Mapping[str, Any]:
        from temple_shop.orders import order_counts

        return {"shop orders": order_counts}


shop = ShopSource()
