"""Patreon as a source: all that the rest of the ledger knows of it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from temple_ledger.infrastructure.sources.source import Health, PersonalData, Source, Trouble, Worker
from temple_ledger.infrastructure.terminal.lazy import Verb

if TYPE_CHECKING:
    import psycopg

    from temple_ledger.infrastructure.ingestion.inbox.translator import Translator
    from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Endpoint
    from temple_ledger.infrastructure.observability.metrics.ledger import Reading
    from temple_ledger.infrastructure.queries.sentence import Actor
    from temple_ledger.infrastructure.queries.source_page import SourcePage
    from temple_ledger.infrastructure.settings import Settings, SourceSettings
    from temple_ledger.infrastructure.terminal.session import Session

BOT: Final = "216303189073461248"
"""Patreon's bot in every guild: it gives and removes the roles of tiers."""


class PatreonSource(Source):
    name = "patreon"
    command = Verb(
        "temple_ledger.infrastructure.sources.patreon.commands:command",
        "Ask Patreon itself: snapshot, webhooks; who pays without the role: mismatches.",
    )
    former_verbs: Mapping[str, Verb] = {
        "drift": Verb(
            "temple_ledger.infrastructure.sources.patreon.mismatches_command:drift", "temple patreon mismatches"
        )
    }
    verified_by = "patreon_secrets"

    def actors(self) -> "Mapping[str, Actor]":
        from temple_ledger.infrastructure.queries.sentence import Actor

        return {BOT: Actor("Patreon", "patreon_membership")}

    def settings(self) -> "type[SourceSettings]":
        from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings

        return PatreonSettings

    def endpoints(self, settings: "Settings") -> "Sequence[Endpoint]":
        from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings
        from temple_ledger.infrastructure.sources.patreon.webhook import patreon_endpoint

        campaigns = settings.of(PatreonSettings).patreon_secrets
        return [patreon_endpoint(campaign, secrets) for campaign, secrets in campaigns.items()]

    def translator(self, settings: "Settings") -> "Translator | None":
        from temple_ledger.infrastructure.sources.patreon.factory import translator
        from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings

        return translator(settings.of(PatreonSettings))

    def workers(self, session: "Session") -> Iterable[Worker]:
        from temple_ledger.infrastructure.sources.patreon.factory import asks, rechecking
        from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings

        if asks(session.settings.of(PatreonSettings)):
            yield Worker("asking Patreon again", partial(rechecking, session.database, session.settings))

    def health(self, connection: "psycopg.Connection[Any]", settings: "Settings") -> Health:
        from temple_ledger.infrastructure.sources.patreon.health import as_data, patreon_health
        from temple_ledger.infrastructure.sources.patreon.key_in_use import without_the_key

        found = patreon_health(connection)
        sentences = [*found.sentences, *without_the_key(connection, settings)]
        return Health(list(found.lines), troubles=[Trouble(*each) for each in sentences], data=as_data(found))

    def readings(self) -> "Mapping[str, Reading]":
        from temple_ledger.infrastructure.sources.patreon.metrics import patreon_doubts, patreon_webhooks

        return {"patreon doubts": patreon_doubts, "patreon": patreon_webhooks}

    def page(self, connection: "psycopg.Connection[Any]", settings: "Settings") -> "SourcePage":
        from temple_ledger.infrastructure.sources.patreon.page import patreon_page
        from temple_ledger.infrastructure.sources.patreon.settings import PatreonSettings

        return patreon_page(connection, settings.of(PatreonSettings))

    def personal_data(self) -> PersonalData:
        from temple_ledger.infrastructure.sources.patreon.store import ids_of

        columns = {
            "patreon_member": ["member_id", "patreon_id"],
            "patreon_link": ["patreon_id", "discord_id"],
            "patreon_person": ["user_id"],
        }
        return PersonalData(columns, notes=("patreon_user_id", "patreon_member_id"), ids_of=ids_of)


patreon = PatreonSource()
