"""What the listener logs in as on a server that is not ours."""

from typing import Final

from temple_ledger.infrastructure.database.service_logins import ServiceLogin

SERVICE: Final = ServiceLogin("temple_discord_service", ("temple_append", "temple_translate", "temple_read"))
