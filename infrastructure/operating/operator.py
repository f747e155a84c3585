"""Does what is asked for, each as the command line does it."""

from collections.abc import Callable, Mapping, Sequence

from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.words import plural
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import DeliveryState
from temple_ledger.infrastructure.operating.action import Asking, Outcome
from temple_ledger.infrastructure.operating.deliveries import ignore_deliveries, retry_deliveries
from temple_ledger.infrastructure.operating.failures import FoldedAgain, retry_parked, skip_parked
from temple_ledger.infrastructure.operating.owner_requests import ask_owner
from temple_ledger.infrastructure.operating.preview import Preview, Previews
from temple_ledger.infrastructure.operating.repairing import REPAIR, apply_repair, preview_repair
from temple_ledger.infrastructure.operating.replaying import REPLAY, apply_replay, forget_replay, preview_replay
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.versions import projection_named
from temple_ledger.infrastructure.read_models.operations import Parked, parked, set_state
from temple_ledger.projections.checkpoint import ProjectionState

Action = Callable[[Asking], Outcome]


class Operator:
    """*sealed* raises LogChanged where the log is not what was sealed: nothing is made from it then."""

    def __init__(self, database: Database, sealed: Callable[[], None]) -> None:
        self._database = database
        self._sealed = sealed
        self.previews = Previews(self._forget)
        self.actions: Mapping[str, Action] = {
            "pause": self._pause,
            "resume": self._resume,
            "retry": self._retry,
            "skip": self._skip,
            "inbox-retry": self._retry_deliveries,
            "inbox-ignore": self._ignore_deliveries,
            "repair-preview": self._preview_repair,
            "repair": self._repair,
            "replay-preview": self._preview_replay,
            "replay": self._replay,
            "ask-owner": self._ask_owner,
        }

    def perform(self, asking: Asking) -> Outcome:
        """Raises LedgerError, and then nothing was changed."""
        if asking.action not in self.actions:
            raise UnknownName("action", asking.action)
        return self.actions[asking.action](asking)

    def _pause(self, asking: Asking) -> Outcome:
        return self._set_state(asking, ProjectionState.PAUSED, "is paused", "was paused already")

    def _resume(self, asking: Asking) -> Outcome:
        return self._set_state(asking, ProjectionState.RUNNING, "goes on", "was running already")

    def _set_state(self, asking: Asking, state: ProjectionState, done: str, already: str) -> Outcome:
        label, why = asking.word("projection"), asking.why()
        with snapshot(self._database) as connection:
            key = projection_named(connection, label).key
        before = set_state(self._database, key, state, by=asking.by, reason=why)
        return Outcome([f"{label} {already if before.state is state else done}, at position {before.position}"])

    def _retry(self, asking: Asking) -> Outcome:
        found, why = self._parked(asking), asking.why()
        asking.require_number(len({each.user_id for each in found}))
        return _folded_again(retry_parked(self._database, found, by=asking.by, reason=why))

    def _skip(self, asking: Asking) -> Outcome:
        found, why = self._parked(asking), asking.why()
        if len({each.position for each in found}) != 1:
            raise Refused("one event is skipped at a time")
        return _folded_again(list(skip_parked(self._database, found, by=asking.by, reason=why)))

    def _parked(self, asking: Asking) -> Sequence[Parked]:
        """Those that the page listed. Raises Refused where one of them is parked no more."""
        wanted = set(asking.word("parked").split(","))
        with snapshot(self._database) as connection:
            found = [each for each in parked(connection) if name_of(each) in wanted]
        if {name_of(each) for each in found} != wanted:
            raise Refused("nothing was changed: not all of these are parked any more; look again")
        return found

    def _retry_deliveries(self, asking: Asking) -> Outcome:
        numbers, why = asking.numbers("deliveries"), asking.why()
        asking.require_number(len(numbers), "delivery", "deliveries")
        state = asking.word("state")
        if state not in list(DeliveryState):
            raise Refused(f"no delivery is {state}")
        done = retry_deliveries(
            self._database, numbers, by=asking.by, reason=why, state=DeliveryState(state), role=DatabaseRole.OPERATE
        )
        return Outcome([f"{plural(done, 'delivery', 'deliveries')} waiting again"])

    def _ignore_deliveries(self, asking: Asking) -> Outcome:
        numbers, why = asking.numbers("deliveries"), asking.why()
        asking.require_number(len(numbers), "delivery", "deliveries")
        done = ignore_deliveries(self._database, numbers, by=asking.by, reason=why, role=DatabaseRole.OPERATE)
        return Outcome([f"{plural(done, 'delivery', 'deliveries')} set aside"])

    def _preview_repair(self, asking: Asking) -> Outcome:
        return self._previewed(
            preview_repair(self._database, asking.word("projection")), "the tables agree with the log"
        )

    def _preview_replay(self, asking: Asking) -> Outcome:
        found = preview_replay(self._database, asking.word("projection"))
        return self._previewed(found, "nothing differs: the tables have what the log gives")

    def _previewed(self, preview: Preview | None, nothing: str) -> Outcome:
        if preview is None:
            return Outcome([nothing])
        self.previews.add(preview)
        return Outcome(preview.sentences, preview=preview)

    def _repair(self, asking: Asking) -> Outcome:
        return self._apply(asking, REPAIR, apply_repair)

    def _replay(self, asking: Asking) -> Outcome:
        return self._apply(asking, REPLAY, apply_replay)

    def _apply(self, asking: Asking, action: str, apply: Callable[..., list[str]]) -> Outcome:
        why = asking.why()
        preview = self.previews.find(asking.word("preview"), action)
        asking.require_number(preview.number, preview.unit, f"{preview.unit}s")
        self._sealed()
        self.previews.withdraw(preview)
        return Outcome(apply(self._database, preview, by=asking.by, reason=why))

    def _ask_owner(self, asking: Asking) -> Outcome:
        number = ask_owner(self._database, asking)
        return Outcome([f"asked for, as {number} in the journal; whoever runs the ledger carries it out"])

    def _forget(self, preview: Preview) -> None:
        if preview.action == REPLAY:
            forget_replay(self._database, preview)


def name_of(failure: Parked) -> str:
    """As the pages name it."""
    return f"{failure.projection}@{failure.version}:{failure.position}"


def _folded_again(done: Sequence[FoldedAgain]) -> Outcome:
    sentences = []
    for each in done:
        sentences.append(f"{each.projection.name}: {each.freed:,} parked no more")
        sentences += [
            f"{failure.user_id} stays parked, at position {failure.position}: {failure.error}" for failure in each.again
        ]
    return Outcome(sentences, failed=any(each.again for each in done))
