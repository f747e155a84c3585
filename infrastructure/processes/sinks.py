"""Where messages of effects go: the sinks of the settings, and the kinds of them that there are."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Final

import structlog

from temple_ledger.domain.errors import LedgerError, SettingsInvalid
from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.read_models.feed.deliverer import Deliverer
from temple_ledger.infrastructure.read_models.feed.http_sink import WebhookSink
from temple_ledger.infrastructure.read_models.feed.notify_sink import NotifySink
from temple_ledger.infrastructure.read_models.feed.sink import Sink
from temple_ledger.infrastructure.read_models.feed.sink_settings import SinkSettings
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.tables import check_name

LEAST_KEY: Final = 24
MOST_KEY: Final = 64
LONGEST_CHANNEL: Final = 63

Maker = Callable[[SinkSettings], Sink]

log = structlog.get_logger("temple.deliverer")


def configured_sinks(settings: Settings) -> Mapping[str, Sink]:
    """By name. Raises SettingsInvalid, with the name of the setting."""
    kinds = _kinds(settings)
    sinks = {}
    for name, given in settings.sinks.items():
        try:
            check_name("sink", name)
            if given.kind not in kinds:
                raise SettingsInvalid(f"there is no kind {given.kind!r}; there are {', '.join(sorted(kinds))}")
            sinks[name] = kinds[given.kind](given)
        except LedgerError as error:
            raise SettingsInvalid(f"setting sinks.{name}: {error}") from None
    return sinks


@contextmanager
def delivering(session: Session) -> Iterator[Mapping[str, Sink]]:
    """Beside everything else, while the block lasts; nothing where no sink is configured."""
    sinks = configured_sinks(session.settings)
    if not sinks:
        yield sinks
        return
    deliverer = Deliverer(session.database, sinks, keep_days=session.settings.effects_keep_days)

    def run() -> None:
        try:
            deliverer.run()
        except LedgerError as error:
            log.error("messages are delivered no more", reason=str(error))

    thread = Thread(target=run, name="deliverer", daemon=True)
    thread.start()
    try:
        yield sinks
    finally:
        deliverer.stop()
        thread.join()


def _kinds(settings: Settings) -> Mapping[str, Maker]:
    kinds: dict[str, Maker] = {"webhook": _webhook, "notify": _notify}
    for source in installed_sources().sources:
        kinds |= source.sinks(settings)
    return kinds


def _webhook(given: SinkSettings) -> Sink:
    secret = given.secret_text()
    if given.url is None:
        raise SettingsInvalid("a webhook needs a url, https://…")
    if secret is None:
        raise SettingsInvalid("a webhook needs a secret, or a secret_file")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not LEAST_KEY <= len(key) <= MOST_KEY:
        raise SettingsInvalid(
            f"the secret of a webhook is whsec_ and {LEAST_KEY} to {MOST_KEY} random bytes in base64: "
            "echo whsec_$(openssl rand -base64 32)"
        )
    return WebhookSink(given.url, secret)


def _notify(given: SinkSettings) -> Sink:
    if not given.channel or len(given.channel.encode()) > LONGEST_CHANNEL:
        raise SettingsInvalid(f"a notification needs a channel, a name of at most {LONGEST_CHANNEL} bytes")
    return NotifySink(given.channel)
