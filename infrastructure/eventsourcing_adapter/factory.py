"""What the library asks for recorders: `PERSISTENCE_MODULE` is this module's name."""

from typing import Any, Final, cast

from eventsourcing.persistence import (
    AggregateRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    NotSupportedError,
    ProcessRecorder,
)
from eventsourcing.utils import Environment, EnvType, resolve_topic, strtobool

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.eventsourcing_adapter.recorder import LogRecorder
from temple_ledger.infrastructure.eventsourcing_adapter.tracking import CheckpointTrackingRecorder
from temple_ledger.infrastructure.settings import load_settings
from temple_ledger.projections.author import catalogue_or_installed

DATABASE_URL: Final = "TEMPLE_DATABASE_URL"
CREATE_TABLE: Final = "CREATE_TABLE"


class LedgerFactory(InfrastructureFactory[CheckpointTrackingRecorder]):
    """Our log and our checkpoints.

    The database is the one that TEMPLE_DATABASE_URL names in the given environment, or else in the settings.
    The library makes one from an environment alone, hence the default: *catalogue* None is the installed one.
    """

    def __init__(self, env: Environment | EnvType | None, *, catalogue: Catalogue | None = None) -> None:
        super().__init__(env)
        self._catalogue = catalogue_or_installed(catalogue)
        self.database = Database(self.env.get(DATABASE_URL) or _configured())
        self._recorders: list[LogRecorder | CheckpointTrackingRecorder] = []

    def application_recorder(self) -> LogRecorder:
        recorder = LogRecorder(self.database, catalogue=self._catalogue)
        self._recorders.append(recorder)
        return recorder

    def tracking_recorder(
        self, tracking_recorder_class: type[CheckpointTrackingRecorder] | None = None
    ) -> CheckpointTrackingRecorder:
        """Of the given class, or of the one that TRACKING_RECORDER_TOPIC names.

        Its tables are made, unless CREATE_TABLE=no.
        """
        found = tracking_recorder_class or self._class_by_topic()
        if not issubclass(found, CheckpointTrackingRecorder):
            raise InfrastructureFactoryError(
                f"{found.__name__} cannot live in the ledger's database: "
                "derive it from CheckpointTrackingRecorder, or give the projection another PERSISTENCE_MODULE"
            )
        recorder = found(self.database, name=self.env.name or "notification")
        self._recorders.append(recorder)
        if strtobool(self.env.get(CREATE_TABLE) or "yes"):
            recorder.create_tables()
        return recorder

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        raise NotSupportedError(
            f"the ledger has no table for {purpose}: it keeps facts, and its snapshots are the tables of projections"
        )

    def process_recorder(self) -> ProcessRecorder:
        raise NotSupportedError(
            "the log takes facts from outside, not what an application concludes from another's: "
            "give that application a PERSISTENCE_MODULE of its own"
        )

    def is_snapshotting_enabled(self) -> bool:
        # asked of an environment that may be shared with an application that has snapshots
        return False

    def close(self) -> None:
        while self._recorders:
            self._recorders.pop().close()

    def _class_by_topic(self) -> type[CheckpointTrackingRecorder]:
        topic = self.env.get(self.TRACKING_RECORDER_TOPIC)
        if not topic:
            return CheckpointTrackingRecorder
        found: Any = resolve_topic(topic)
        return cast("type[CheckpointTrackingRecorder]", found)


def _configured() -> str:
    url = load_settings({}).database_url
    if url is None:
        raise InfrastructureFactoryError(
            f"{DATABASE_URL} is not set: pass it in env, or export what `temple db url` prints"
        )
    return url.get_secret_value()
