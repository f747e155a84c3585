"""The ledger as an application: the library's subscriptions and runners work on our log as they are."""

from collections.abc import Sequence
from typing import Any, ClassVar

from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    EventStore,
    InfrastructureFactory,
    Mapper,
    Notification,
    Recording,
)
from eventsourcing.utils import Environment

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.infrastructure.eventsourcing_adapter.factory import LedgerFactory
from temple_ledger.infrastructure.eventsourcing_adapter.mapper import EventMapper
from temple_ledger.projections.author import catalogue_or_installed


class TempleLedger(Application[str]):
    """Finds its database as LedgerFactory does, whatever PERSISTENCE_MODULE says: that is for projections.

    `save(event, …)` appends events of the catalogue, all or none; one that is in the log already adds
    nothing and gives its position. `repository.get` needs a `projector_func`: our events do not mutate
    aggregates.
    """

    name = "TempleLedger"
    catalogue: ClassVar[Catalogue | None] = None
    """None is what is installed."""

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        return LedgerFactory(env, catalogue=self.catalogue)

    def construct_mapper(self) -> Mapper[str]:
        return EventMapper(catalogue_or_installed(self.catalogue))

    def construct_event_store(self) -> EventStore[str]:
        return _LogStore(mapper=self.mapper, recorder=self.recorder)


class _LogStore(EventStore[str]):
    def put(self, domain_events: Sequence[DomainEventProtocol[str]], **kwargs: Any) -> list[Recording[str]]:
        """The events as they can be read from the log now, with their positions."""
        stored = [self.mapper.to_stored_event(each) for each in domain_events]
        positions = self.recorder.insert_events(stored, **kwargs) or []
        recorded = [
            Notification(each.originator_id, position, each.topic, each.state, position)
            for each, position in zip(stored, positions, strict=True)
        ]
        return [Recording(self.mapper.to_domain_event(each), each) for each in recorded]
