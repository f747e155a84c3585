"""Discord as a source: all that the rest of the ledger knows of it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from temple_ledger.infrastructure.sources.source import Health, PersonalData, Source, Trouble, Worker
from temple_ledger.infrastructure.terminal.lazy import Verb

if TYPE_CHECKING:
    import psycopg

    from temple_ledger.infrastructure.observability.metrics.ledger import Reading
    from temple_ledger.infrastructure.read_models.feed.sink import Sink
    from temple_ledger.infrastructure.read_models.feed.sink_settings import SinkSettings
    from temple_ledger.infrastructure.settings import Settings, SourceSettings
    from temple_ledger.infrastructure.sources.sign_in import AccountSignIn
    from temple_ledger.infrastructure.terminal.session import Session


class DiscordSource(Source):
    """It has no translator: frames are translated by the listener, which holds them back while it catches up."""

    name = "discord"
    guild_setting = "discord_guild"
    command = Verb(
        "temple_ledger.infrastructure.sources.discord.commands:command",
        "Listen to the gateway, read the audit log back, compare with a snapshot.",
    )
    runs_as = "temple discord listen"
    console_secrets = ("discord_client_secret",)

    def settings(self) -> "type[SourceSettings]":
        from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings

        return DiscordSettings

    def workers(self, session: "Session") -> Iterable[Worker]:
        from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings

        if session.settings.of(DiscordSettings).discord_token is not None:
            from temple_ledger.infrastructure.sources.discord.listener_thread import listening
            from temple_ledger.infrastructure.sources.discord.login import SERVICE

            yield Worker("listening to Discord", partial(listening, session), own_process=True, login=SERVICE)

    def sinks(self, settings: "Settings") -> "Mapping[str, Callable[[SinkSettings], Sink]]":
        from temple_ledger.infrastructure.sources.discord.channel_sink import channel_sink
        from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings

        return {"discord": lambda given: channel_sink(given, settings.of(DiscordSettings))}

    def health(self, connection: "psycopg.Connection[Any]", settings: "Settings") -> Health:
        from temple_ledger.infrastructure.sources.discord.health import discord_health

        found = discord_health(connection)
        return Health(troubles=[Trouble(*each) for each in found.sentences], data=found._asdict())

    def readings(self) -> "Mapping[str, Reading]":
        from temple_ledger.infrastructure.sources.discord.metrics import discord_sessions

        return {"discord": discord_sessions}

    def sign_in(self, settings: "Settings") -> "AccountSignIn | None":
        from temple_ledger.infrastructure.sources.discord.console_sign_in import console_sign_in
        from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings

        return console_sign_in(settings.of(DiscordSettings), settings.home)

    def personal_data(self) -> PersonalData:
        columns = {"discord_member": ["user_id"], "discord_attribution": ["user_id"], "discord_change": ["user_id"]}
        # an entry of the guild's audit log names whom it is about
        return PersonalData(columns, notes=("audit_entry", "audited_at"))


discord = DiscordSource()
