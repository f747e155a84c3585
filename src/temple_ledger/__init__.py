"""Temple Ledger, by its one import name.

What an author may import is listed in `__all__`; everything else below this name is private and may change
without notice. Names load on demand, so that `import temple_ledger` costs a command nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from temple_ledger.domain.catalogue import Catalogue, EventType, Shape
    from temple_ledger.domain.errors import (
        DatabaseUnavailable,
        EventConflict,
        EventMisdeclared,
        FutureEvent,
        InvalidEvent,
        LedgerError,
        NotFoldedInTime,
        PlatformUnavailable,
        ProjectionMisdeclared,
        Refused,
        SchemaMismatch,
        UndecodableEvent,
        UnknownName,
        UnsafeLog,
    )
    from temple_ledger.domain.event import Event, Payload, Target, UnknownEvent
    from temple_ledger.domain.events import (
        MarkedInactive,
        MemberJoined,
        MemberLeft,
        MembershipChanged,
        MembershipDeclined,
        MembershipEnded,
        MembershipEvent,
        MembershipStarted,
        RoleAdded,
        RoleCreated,
        RoleDeleted,
        RoleEvent,
        RoleRemoved,
        RoleRenamed,
    )
    from temple_ledger.domain.log_entry import LogEntry
    from temple_ledger.domain.position import Position
    from temple_ledger.domain.recorded import Recorded
    from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
    from temple_ledger.infrastructure.eventsourcing_adapter.application import TempleLedger
    from temple_ledger.infrastructure.eventsourcing_adapter.factory import LedgerFactory
    from temple_ledger.infrastructure.eventsourcing_adapter.mapper import UndecodableRow
    from temple_ledger.infrastructure.eventsourcing_adapter.projection import ProjectionCheckpoint, under_the_library
    from temple_ledger.infrastructure.eventsourcing_adapter.tracking import CheckpointTrackingRecorder
    from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, InboxDelivery, digest_of
    from temple_ledger.infrastructure.ingestion.inbox.store import store
    from temple_ledger.infrastructure.ingestion.inbox.translator import Outcome, Translation, Translator
    from temple_ledger.infrastructure.ingestion.inbox.worker import TranslationWorker
    from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Endpoint
    from temple_ledger.infrastructure.ledger.async_feed import AsyncFeed
    from temple_ledger.infrastructure.ledger.async_ledger import AsyncLedger
    from temple_ledger.infrastructure.ledger.feed import Feed
    from temple_ledger.infrastructure.ledger.ledger import Ledger, MemberRows
    from temple_ledger.infrastructure.log.append import Appended, LogAppender, append_within
    from temple_ledger.infrastructure.log.notifier import Notifier
    from temple_ledger.infrastructure.queries.sentence import Actor
    from temple_ledger.infrastructure.settings import Settings, SourceSettings
    from temple_ledger.infrastructure.sources.source import Health, PersonalData, Source, Trouble, Worker
    from temple_ledger.infrastructure.terminal.lazy import Verb
    from temple_ledger.infrastructure.terminal.session import Session
    from temple_ledger.infrastructure.testing.ledger import LedgerScenario
    from temple_ledger.projections.activity import activity
    from temple_ledger.projections.author import entry_of_event
    from temple_ledger.projections.change import Beginning, Change, Complete, Reset
    from temple_ledger.projections.condition import Condition
    from temple_ledger.projections.effect import Message
    from temple_ledger.projections.member_projection import MemberProjection
    from temple_ledger.projections.members import members, role_headcount
    from temple_ledger.projections.role_periods import role_periods
    from temple_ledger.projections.rollup import (
        Rollup,
        count_of,
        day_of,
        distinct_of,
        lower_of,
        max_of,
        min_of,
        sum_of,
        value_or,
    )
    from temple_ledger.projections.row import Array, MaxLength, Row, projection
    from temple_ledger.projections.tables import Column, Index, Rows, Table
    from temple_ledger.projections.tally import Increments, Tally
    from temple_ledger.projections.testing.histories import (
        at,
        changed_tier,
        declined,
        ended,
        joined,
        left,
        marked_inactive,
        pledged,
        role_added,
        role_removed,
        stored_row,
    )
    from temple_ledger.projections.testing.specification import Specification
    from temple_ledger.projections.testing.tally_specification import TallySpecification
    from temple_ledger.projections.values import ColumnType

_HOMES: Final = {
    "domain.catalogue": ("Catalogue", "EventType", "Shape"),
    "domain.errors": (
        "DatabaseUnavailable",
        "EventConflict",
        "EventMisdeclared",
        "FutureEvent",
        "InvalidEvent",
        "LedgerError",
        "NotFoldedInTime",
        "PlatformUnavailable",
        "ProjectionMisdeclared",
        "Refused",
        "SchemaMismatch",
        "UndecodableEvent",
        "UnknownName",
        "UnsafeLog",
    ),
    "domain.event": ("Event", "Payload", "Target", "UnknownEvent"),
    "domain.events": (
        "MarkedInactive",
        "MemberJoined",
        "MemberLeft",
        "MembershipChanged",
        "MembershipDeclined",
        "MembershipEnded",
        "MembershipEvent",
        "MembershipStarted",
        "RoleAdded",
        "RoleCreated",
        "RoleDeleted",
        "RoleEvent",
        "RoleRemoved",
        "RoleRenamed",
    ),
    "domain.log_entry": ("LogEntry",),
    "domain.position": ("Position",),
    "domain.recorded": ("Recorded",),
    "infrastructure.database.connection": ("Database", "DatabaseRole"),
    "infrastructure.eventsourcing_adapter.application": ("TempleLedger",),
    "infrastructure.eventsourcing_adapter.factory": ("LedgerFactory",),
    "infrastructure.eventsourcing_adapter.mapper": ("UndecodableRow",),
    "infrastructure.eventsourcing_adapter.projection": (
        "ProjectionCheckpoint",
        "under_the_library",
    ),
    "infrastructure.eventsourcing_adapter.tracking": ("CheckpointTrackingRecorder",),
    "infrastructure.ingestion.inbox.delivery": ("Delivery", "InboxDelivery", "digest_of"),
    "infrastructure.ingestion.inbox.store": ("store",),
    "infrastructure.ingestion.inbox.translator": ("Outcome", "Translation", "Translator"),
    "infrastructure.ingestion.inbox.worker": ("TranslationWorker",),
    "infrastructure.ingestion.webhooks.endpoint": ("Endpoint",),
    "infrastructure.ledger.async_ledger": ("AsyncLedger",),
    "infrastructure.ledger.async_feed": ("AsyncFeed",),
    "infrastructure.ledger.feed": ("Feed",),
    "infrastructure.ledger.ledger": ("Ledger", "MemberRows"),
    "infrastructure.log.append": ("Appended", "LogAppender", "append_within"),
    "infrastructure.log.notifier": ("Notifier",),
    "infrastructure.settings": ("Settings", "SourceSettings"),
    "infrastructure.queries.sentence": ("Actor",),
    "infrastructure.sources.source": ("Health", "PersonalData", "Source", "Trouble", "Worker"),
    "infrastructure.terminal.lazy": ("Verb",),
    "infrastructure.terminal.session": ("Session",),
    "infrastructure.testing.ledger": ("LedgerScenario",),
    "projections.activity": ("activity",),
    "projections.author": ("entry_of_event",),
    "projections.change": ("Beginning", "Change", "Complete", "Reset"),
    "projections.condition": ("Condition",),
    "projections.effect": ("Message",),
    "projections.member_projection": ("MemberProjection",),
    "projections.members": ("members", "role_headcount"),
    "projections.rollup": (
        "Rollup",
        "count_of",
        "day_of",
        "distinct_of",
        "lower_of",
        "max_of",
        "min_of",
        "sum_of",
        "value_or",
    ),
    "projections.role_periods": ("role_periods",),
    "projections.row": ("Array", "MaxLength", "Row", "projection"),
    "projections.tables": ("Column", "Index", "Rows", "Table"),
    "projections.values": ("ColumnType",),
    "projections.tally": ("Increments", "Tally"),
    "projections.testing.histories": (
        "at",
        "changed_tier",
        "declined",
        "ended",
        "joined",
        "left",
        "marked_inactive",
        "pledged",
        "role_added",
        "role_removed",
        "stored_row",
    ),
    "projections.testing.specification": ("Specification",),
    "projections.testing.tally_specification": ("TallySpecification",),
}
"""The module of each name; the imports above say the same to type checkers, and a test holds both equal."""

_MODULES: Final = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}

__all__ = [
    "Actor",
    "Appended",
    "Array",
    "AsyncFeed",
    "AsyncLedger",
    "Beginning",
    "Catalogue",
    "Change",
    "CheckpointTrackingRecorder",
    "Column",
    "ColumnType",
    "Complete",
    "Condition",
    "Database",
    "DatabaseRole",
    "DatabaseUnavailable",
    "Delivery",
    "Endpoint",
    "Event",
    "EventConflict",
    "EventMisdeclared",
    "EventType",
    "Feed",
    "FutureEvent",
    "Health",
    "InboxDelivery",
    "Increments",
    "Index",
    "InvalidEvent",
    "Ledger",
    "LedgerError",
    "LedgerFactory",
    "LedgerScenario",
    "LogAppender",
    "LogEntry",
    "MarkedInactive",
    "MaxLength",
    "MemberJoined",
    "MemberLeft",
    "MemberProjection",
    "MemberRows",
    "MembershipChanged",
    "MembershipDeclined",
    "MembershipEnded",
    "MembershipEvent",
    "MembershipStarted",
    "Message",
    "NotFoldedInTime",
    "Notifier",
    "Outcome",
    "Payload",
    "PersonalData",
    "PlatformUnavailable",
    "Position",
    "ProjectionCheckpoint",
    "ProjectionMisdeclared",
    "Recorded",
    "Refused",
    "Reset",
    "RoleAdded",
    "RoleCreated",
    "RoleDeleted",
    "RoleEvent",
    "RoleRemoved",
    "RoleRenamed",
    "Rollup",
    "Row",
    "Rows",
    "SchemaMismatch",
    "Session",
    "Settings",
    "Shape",
    "Source",
    "SourceSettings",
    "Specification",
    "Table",
    "Tally",
    "TallySpecification",
    "Target",
    "TempleLedger",
    "Translation",
    "TranslationWorker",
    "Translator",
    "Trouble",
    "UndecodableEvent",
    "UndecodableRow",
    "UnknownEvent",
    "UnknownName",
    "UnsafeLog",
    "Verb",
    "Worker",
    "activity",
    "append_within",
    "at",
    "changed_tier",
    "count_of",
    "day_of",
    "declined",
    "digest_of",
    "distinct_of",
    "ended",
    "entry_of_event",
    "joined",
    "left",
    "lower_of",
    "marked_inactive",
    "max_of",
    "members",
    "min_of",
    "pledged",
    "projection",
    "role_added",
    "role_headcount",
    "role_periods",
    "role_removed",
    "store",
    "stored_row",
    "sum_of",
    "under_the_library",
    "value_or",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
