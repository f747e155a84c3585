"""A channel of Discord as a sink: what an effect says, said by the bot."""

import json
from collections.abc import Mapping
from typing import Final

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.read_models.feed.http_sink import HttpSink
from temple_ledger.infrastructure.read_models.feed.sink import OutboxMessage
from temple_ledger.infrastructure.read_models.feed.sink_settings import SinkSettings
from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings
from temple_ledger.infrastructure.version import version

API: Final = "https://discord.com/api/v10"
MOST_CHARACTERS: Final = 2_000
LONGEST_NONCE: Final = 25


class ChannelSink(HttpSink):
    """The text is `data["content"]`, else all of the data as JSON. It mentions nobody: names in it notify no one.

    The nonce is the message's own, so that Discord drops one that came twice within a few minutes.
    """

    at_once = 2

    def __init__(self, token: str, channel: str, api: str = API) -> None:
        self._url = f"{api}/channels/{channel}/messages"
        self._headers = {
            "Authorization": f"Bot {token}",
            "Content-Type": "application/json",
            "User-Agent": f"DiscordBot (temple-ledger, {version()})",
        }

    def request(self, message: OutboxMessage) -> tuple[str, Mapping[str, str], bytes]:
        data = json.loads(message.data)
        content = data.get("content")
        text = content if isinstance(content, str) else message.data
        body = {
            "content": text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…",
            "nonce": str(message.entry)[:LONGEST_NONCE],
            "enforce_nonce": True,
            "allowed_mentions": {"parse": []},
        }
        return self._url, self._headers, json.dumps(body).encode()

    def pause_of(self, status: int, headers: Mapping[str, str], body: bytes) -> float | None:
        """Of a rate limit the body says it to the millisecond."""
        if status == 429:
            try:
                return max(0.0, float(json.loads(body)["retry_after"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                return super().pause_of(status, headers, body) or 1.0
        return super().pause_of(status, headers, body)


def channel_sink(given: SinkSettings, settings: DiscordSettings) -> ChannelSink:
    """Raises SettingsInvalid."""
    if settings.discord_token is None:
        raise SettingsInvalid("a Discord channel needs the token of the bot: set TEMPLE_DISCORD_TOKEN")
    if given.channel is None or not given.channel.isdigit():
        raise SettingsInvalid("a Discord channel is its id, a number of some 18 digits")
    return ChannelSink(settings.discord_token.get_secret_value(), given.channel, settings.discord_api_url or API)
