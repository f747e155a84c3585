"""The projection runner: a loop of steps, for every projection that this runner leads."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import psycopg
import structlog

from temple_ledger.domain.catalogue import Catalogue
from temple_ledger.domain.errors import DatabaseUnavailable, LanesApart, NotLeader, SchemaMismatch, StaleCheckpoint
from temple_ledger.domain.position import START, Position
from temple_ledger.infrastructure.database.connecting import opened_unless
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole, database_errors, passes, reason_of
from temple_ledger.infrastructure.database.migrations import require_current
from temple_ledger.infrastructure.database.patience import Patience
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import GapReader, Look
from temple_ledger.infrastructure.log.safety import require_safe_log
from temple_ledger.infrastructure.read_models.feed.changes import prune
from temple_ledger.infrastructure.read_models.gc_tuning import rare_collections
from temple_ledger.infrastructure.read_models.runner.beside import ALONE, FAR, Beside
from temple_ledger.infrastructure.read_models.runner.due import Due
from temple_ledger.infrastructure.read_models.runner.failing import reason_of_failure
from temple_ledger.infrastructure.read_models.runner.journal import committed_position
from temple_ledger.infrastructure.read_models.runner.lanes import least_of, publish
from temple_ledger.infrastructure.read_models.runner.lease import RENEW_SECONDS, TRY_SECONDS, Lease
from temple_ledger.infrastructure.read_models.runner.long_folds import LongFolds
from temple_ledger.infrastructure.read_models.runner.newer_versions import fold_known_versions
from temple_ledger.infrastructure.read_models.runner.parked_log import log_parked
from temple_ledger.infrastructure.read_models.runner.silent_wire import cut_when_silent
from temple_ledger.infrastructure.read_models.runner.together import Alone, Outcome, Outcomes, stepped
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints, transactions
from temple_ledger.infrastructure.read_models.runner.watcher import NullWatcher, Wake, Watcher
from temple_ledger.infrastructure.read_models.runner.wide_connections import WideConnections, wait_for_nobody
from temple_ledger.projections.batch import Failure
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.checkpoint import ProjectionState
from temple_ledger.projections.fold import FailureKind
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import EVERY
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.pace import BatchPace, WidePace
from temple_ledger.projections.processor import CAUGHT_UP, Processor, Projection, Step, TooWide, processor_of
from temple_ledger.projections.standing import may_fold
from temple_ledger.projections.step import OutOfTime, PartLost
from temple_ledger.projections.watch import NOBODY_WATCHES, FoldWatch

BLOCKED_POLL_SECONDS: Final = 0.1
REFRESH_SECONDS: Final = 1.0
MERGE_SECONDS: Final = 600.0
FEED_DAYS: Final = 7.0
MOST_BACKOFF_SECONDS: Final = 5.0
REPORT_BLOCKED_SECONDS: Final = 5.0
FIRST_SECONDS: Final = 60.0
"""Of a step into empty tables, whose number of events has a bound."""

log = structlog.get_logger("temple.runner")


@dataclass(frozen=True)
class Polling:
    """How often the log is looked at where nobody announces more: every `quick_seconds` for `quick_for_seconds` after
    some came, and every `idle_seconds` otherwise."""

    quick_seconds: float = 0.01
    quick_for_seconds: float = 0.5
    idle_seconds: float = 0.1


OFTEN: Final = Polling()
SPARING: Final = Polling(quick_for_seconds=0.0, idle_seconds=1.0)
"""For a process that carries many ledgers: it relies on being woken."""


@dataclass(eq=False)
class _Leading:
    """A projection that this runner leads."""

    processor: Processor
    position: Position
    pace: BatchPace
    wide: WidePace
    idle_reason: str | None
    alone: Alone | None = None
    """Why it does not go together with the others."""
    lanes: frozenset[int] = frozenset()
    """Of one that is split, those that are led here."""
    apart: bool = False
    """They do not stand together, as far as is known."""

    @property
    def is_whole(self) -> bool:
        """Whether its steps are of all of its members."""
        return not self.lanes or (self.lanes == EVERY and not self.apart)

    @property
    def key(self) -> ProjectionKey:
        return self.processor.projection.key


class Runner:
    """Folds new events into every given projection, until it is stopped or has caught up."""

    def __init__(
        self,
        database: Database,
        projections: Iterable[Projection],
        wake: Wake,
        *,
        watcher: Watcher | None = None,
        catalogue: Catalogue,
        lease: Lease | None = None,
        fold_watch: FoldWatch = NOBODY_WATCHES,
        polling: Polling = OFTEN,
        wide: bool = True,
        beside: Beside = ALONE,
    ) -> None:
        """Without *wide* no step reads on connections of its own, so that all steps have one.

        *beside* has a second process, which folds a part of the members where our own projections are far behind.
        """
        self._database = database
        self._polling = polling
        self._may_be_wide = wide
        self._projections = {projection.key: projection for projection in projections}
        self._wake = wake
        self._watcher = watcher or NullWatcher()
        self._catalogue = catalogue
        self._fold_watch = fold_watch
        self._lease = lease or Lease()
        self._beside = beside
        self._connection: psycopg.Connection[Any] | None = None
        self._wire: psycopg.Connection[Any] | None = None
        """The connection, or what is about to be it; None where nobody may cut it."""
        self._wide = WideConnections(self._connected)
        self._reader: GapReader | None = None
        self._led: dict[ProjectionKey, _Leading] = {}
        self._paces: dict[ProjectionKey, tuple[BatchPace, WidePace]] = {}
        self._long_folds = LongFolds(database, catalogue)
        self._others: dict[ProjectionKey, str] = {}
        self._settled = START
        self._look: Look | None = None
        self._stopping = False
        self._target: Position | None = None
        self._renew, self._try, self._refresh = Due(RENEW_SECONDS), Due(TRY_SECONDS), Due(REFRESH_SECONDS)
        self._merge, self._report_blocked = Due(MERGE_SECONDS), Due(REPORT_BLOCKED_SECONDS)

    def stop(self) -> None:
        """Finish the batch at hand, give the leases back, return: within seconds, also where the database is silent.

        Safe in a signal handler.
        """
        self._stopping = True

    @property
    def led_by_others(self) -> Mapping[ProjectionKey, str]:
        """Projections of ours that another runner leads, and who it is."""
        return self._others

    def run(self, *, until_caught_up: bool = False) -> None:
        """Raises UnsafeLog or SchemaMismatch before the first step; DatabaseUnavailable when it never answered, and
        with *until_caught_up* also when it did not for as long as patience lasts.

        With *until_caught_up*, returns once every projection has folded what was in the log when we began; one that
        is paused, failed or in need of a replay is not waited for.
        """
        with cut_when_silent(lambda: self._stopping, self._wires):
            try:
                with database_errors("the runner begins"):
                    self._open()
                    if until_caught_up:
                        self._target = self._head()
                # what is remembered of members is no garbage: looking for some was a third of a runner's time
                with rare_collections():
                    self._loop(Patience(has_end=until_caught_up))
            finally:
                self._long_folds.end()
                self._close()

    def _loop(self, patience: Patience) -> None:
        failures, quick_until = 0, 0.0
        while not self._stopping:
            try:
                worked = self._round()
                if not worked and self._target is not None and self._caught_up(self._target):
                    return
                failures = 0
                patience.restore()
                self._watcher.beat()
            except (psycopg.Error, DatabaseUnavailable, OSError, RuntimeError) as error:
                if isinstance(error, OSError | RuntimeError) and not passes(error):
                    raise
                failures += 1
                if patience.is_lost():
                    with database_errors("not caught up"):
                        raise
                self._recover(error, failures)
                continue
            if worked:
                quick_until = time.monotonic() + self._polling.quick_for_seconds
                continue
            quick = time.monotonic() < quick_until or self._target is not None
            self._wake.wait(self._polling.quick_seconds if quick else self._idle_seconds())

    def _idle_seconds(self) -> float:
        blocked = self._look is not None and bool(self._look.blocked_by)
        return min(self._polling.idle_seconds, BLOCKED_POLL_SECONDS) if blocked else self._polling.idle_seconds

    def _round(self) -> bool:
        """One look at the log where needed and one step of each projection; whether anything was folded."""
        self._open()
        self._renew_leases()
        if self._refresh():
            self._read_states()
        running = [led for led in self._led.values() if led.idle_reason is None]
        if any(led.position >= self._settled for led in running):
            self._look_ahead()
        worked = False
        for group in self._groups([led for led in running if led.position < self._settled]):
            # a lease may have been lost since: during the step of the group before
            still = [led for led in group if self._led.get(led.key) is led]
            if still and not self._stopping:
                worked |= self._step(still)
                self._renew_leases()
        if not any(self._is_far_behind(led) for led in running):
            self._wide.close()
            self._beside.end()
        if self._merge() and self._led:
            self._session().execute(statement("journal_merge"))
            prune(self._session(), FEED_DAYS)
        return worked

    def _groups(self, behind: Sequence[_Leading]) -> Iterator[Sequence[_Leading]]:
        """Our own projections are stepped together, as far as they stand at one position and are well."""
        well = [led for led in behind if led.alone is None and led.is_whole and led.processor.projection in BUILT_IN]
        common = Counter(led.position for led in well).most_common(1)
        together = [led for led in well if (led.position, len(well) > 1) == (common[0][0], True)]
        if together:
            yield together
        yield from ([led] for led in behind if led not in together)

    def _is_far_behind(self, led: _Leading) -> bool:
        behind, from_nothing = self._settled - led.position, led.position == START
        return self._may_be_wide and led.wide.is_worth_it(behind, led.pace, from_nothing=from_nothing)

    def _folded(self, group: Sequence[_Leading]) -> Outcomes:
        """One step, wide or not."""
        started = time.monotonic()
        far = all(self._is_far_behind(led) for led in group)
        paces = [led.wide if far else led.pace for led in group]
        first = all(led.position == START for led in group)
        until = started + (FIRST_SECONDS if first else min(led.wide.most_seconds for led in group))
        limit = min(pace.limit for pace in paces)
        in_time = partial(self._goes_on, until) if far else None
        if group[0].is_whole:
            if far and len(group) > 1 and self._settled - group[0].position > FAR:
                self._beside.begin()
            opened = transactions(self._session(), self._lease.holder, self._wide)
            processors = [led.processor for led in group]
            outcomes = stepped(
                processors,
                opened,
                upto=self._settled,
                limit=limit,
                in_time=in_time,
                most_filled=min(led.wide.filling for led in group),
                beside=self._beside,
            )
        else:
            outcomes = {group[0].key: Outcome(self._folded_lanes(group[0], limit, in_time))}
        for led, pace in zip(group, paces, strict=True):
            step = outcomes[led.key].step
            if step is not None and step.idle is None:
                pace.after(step.gone_over, time.monotonic() - started)
                if far:
                    log.debug("wide step", projection=str(led.key), events=step.events, position=step.position)
            if not far:
                led.wide.after_batch()
        return outcomes

    def _goes_on(self, until: float) -> bool:
        """Asked again and again by a wide step: it may last longer than a lease."""
        self._watcher.beat()
        if self._led and self._renew():
            self._lease.renew(self._wide.lease())
        return not self._stopping and time.monotonic() < until

    def _folded_lanes(self, led: _Leading, limit: int, in_time: Callable[[], bool] | None) -> Step:
        step = led.processor.lanes_step(led.lanes, upto=self._settled, limit=limit, in_time=in_time)
        led.apart = step.apart
        publish(self._session(), led.key)
        return step

    def _step(self, group: Sequence[_Leading]) -> bool:
        started = time.perf_counter()
        try:
            outcomes = self._folded(group)
        except PartLost as lost:
            log.warning("a wide step is taken again", reason=str(lost))
            return True
        except TooWide as error:
            for led in group:
                led.wide.failed(self._filling(led) if isinstance(error, OutOfTime) else 0)
            return True
        except LanesApart:
            for led in group:
                led.apart = bool(led.lanes)
            return True
        except psycopg.errors.LockNotAvailable:
            # somebody repairs or rebuilds this projection: the others need not wait for it
            return False
        except Exception as error:
            if passes(error) or isinstance(error, DatabaseUnavailable):
                for led in group:
                    if self._is_far_behind(led):
                        led.wide.failed(self._filling(led))
                    else:
                        led.pace.failed()
                raise
            if len(group) > 1:
                self._find_who_failed(group)
                return True
            self._failed(group[0], error)
            return False
        seconds = time.perf_counter() - started
        more = [self._stepped(led, outcomes[led.key], seconds) for led in group]
        return any(more)

    def _filling(self, led: _Leading) -> Position:
        """How many events its wide step was over, at most, if that was the first one."""
        return self._settled if led.position == START else START

    def _stepped(self, led: _Leading, outcome: Outcome, seconds: float) -> bool:
        """Whether there may be more to do at once."""
        if outcome.alone is not led.alone:
            log.debug("steps of its own", projection=str(led.key), why=outcome.alone)
        led.alone = outcome.alone
        step = outcome.step
        if step is None:
            return True
        if step.idle == CAUGHT_UP:
            # nothing is left up to what is settled: numbers at the end of it were rolled back
            led.position = max(step.position, self._settled)
            return False
        if step.idle is not None:
            led.idle_reason, led.position = step.idle, step.position
            return False
        led.position = step.position
        self._log_failures(led, step.failures)
        self._watcher.stepped(led.key, step, seconds)
        return True

    def _find_who_failed(self, group: Sequence[_Leading]) -> None:
        """By steps in which each has a part of its own; where that was one, by steps of each alone."""
        for led in group:
            if self._is_far_behind(led):
                led.wide.rest()
            else:
                led.alone = Alone.FAILED

    def _failed(self, led: _Leading, error: Exception) -> None:
        if isinstance(error, NotLeader | StaleCheckpoint):
            log.warning("lost the lead", projection=str(led.key), reason=str(error))
            del self._led[led.key]
        else:
            self._fail(led, error)

    def _log_failures(self, led: _Leading, failures: Sequence[Failure]) -> None:
        for failure in failures:
            log_parked(led.key.name, failure)
        projection = led.processor.projection
        if isinstance(projection, MemberProjection) and any(each.kind is FailureKind.LONG for each in failures):
            self._long_folds.want(projection)

    def _fail(self, led: _Leading, error: Exception) -> None:
        """A step that cannot succeed stops its projection, and no other one."""
        reason = reason_of_failure(error)
        log.error("projection failed", projection=str(led.key), reason=reason)
        led.idle_reason = ProjectionState.FAILED.value
        self._watcher.failed(led.key)
        self._session().execute(
            statement("checkpoint_fail"),
            {**led.key.parameters, "holder": self._lease.holder, "reason": reason[:500]},
        )

    def _look_ahead(self) -> None:
        if self._reader is None:
            raise DatabaseUnavailable("the runner has no connection")
        look = self._reader.look(self._settled)
        self._look = look
        self._settled = look.settled
        self._watcher.looked(look)
        if look.blocked_by and self._report_blocked():
            log.warning(
                "the log's tail waits for an open transaction",
                after=look.settled,
                blocked_by=[str(blocker) for blocker in look.blocked_by],
            )

    def _renew_leases(self) -> None:
        if self._led and self._renew():
            renewed = self._lease.renew(self._session())
            for key in [key for key in self._led if key not in renewed]:
                log.warning("lost the lease", projection=str(key))
                del self._led[key]
        missing = [key for key in self._projections if key not in self._led or self._has_free_lanes(self._led[key])]
        if missing and self._try():
            self._others = {}
            for key, holder in self._lease.acquire(self._session(), missing).items():
                if holder is not None:
                    self._others[key] = holder
                elif key not in self._led or self._led[key].lanes != self._lease.lanes_of(key):
                    with suppress(NotLeader):
                        self._lead(key)

    def _has_free_lanes(self, led: _Leading) -> bool:
        return bool(led.lanes) and led.lanes < self._lease.lanes

    def _lead(self, key: ProjectionKey) -> None:
        opener = transactions(self._session(), self._lease.holder, self._wide)
        self._fold_known_versions(self._projections[key])
        processor = processor_of(self._projections[key], opener, catalogue=self._catalogue, watch=self._fold_watch)
        checkpoint = read_checkpoints(self._session())[key]
        paces = self._paces.setdefault(key, (BatchPace(), WidePace()))
        lanes = self._lease.lanes_of(key)
        if bool(lanes) != checkpoint.split:
            raise NotLeader(f"{key} was split or joined meanwhile")
        led = _Leading(
            processor,
            least_of(checkpoint, lanes),
            *paces,
            may_fold(processor.projection, checkpoint, self._catalogue),
            lanes=lanes,
            apart=checkpoint.is_apart,
        )
        if led.idle_reason is None:
            # what one projection passed in a batch is settled for all: one that is far behind holds up nobody. A
            # position that somebody set by hand proves nothing, so the journal has to agree
            running = any(each.idle_reason is None for each in self._led.values())
            proven = min(checkpoint.position, committed_position(self._session(), checkpoint.key))
            self._settled = max(self._settled, proven) if running else proven
        self._led[key] = led
        if (
            isinstance(processor.projection, MemberProjection)
            and self._session().execute(statement("failure_long"), checkpoint.key.parameters).fetchone() is not None
        ):
            self._long_folds.want(processor.projection)
        log.info("leads", projection=str(key), position=checkpoint.position, idle_reason=led.idle_reason)

    def _fold_known_versions(self, projection: Projection) -> None:
        if isinstance(projection, MemberProjection):
            # whoever leads some lanes of it holds all of them for that, as any operation does
            holder = None if self._lease.lanes_of(projection.key) else self._lease.holder
            try:
                known = fold_known_versions(self._session(), holder, projection, catalogue=self._catalogue)
            except LanesApart:
                # whoever leads next, once they have caught up, does it
                return
            if known:
                log.info("folds versions that were not known", projection=str(projection.key), members=len(known))

    def _read_states(self) -> None:
        for key, checkpoint in read_checkpoints(self._session()).items():
            led = self._led.get(key)
            if led is not None and bool(led.lanes) != checkpoint.split:
                # split or joined meanwhile: what was led is there no more, and what there is now may be taken
                log.warning("lost the lease", projection=str(key))
                del self._led[key]
            elif led is not None:
                led.idle_reason = may_fold(led.processor.projection, checkpoint, self._catalogue)
                position = least_of(checkpoint, led.lanes)
                if position < led.position and position < self._settled:
                    led.position = position
                if led.lanes and min(checkpoint.lanes, default=checkpoint.position) > checkpoint.position:
                    # whoever was to do it was killed before
                    publish(self._session(), key)

    def _caught_up(self, target: Position) -> bool:
        if self._long_folds.at_work:
            return False
        checkpoints = read_checkpoints(self._session())
        for key, projection in self._projections.items():
            if key not in checkpoints:
                if not any(key.name == there.name for there in checkpoints):
                    raise SchemaMismatch(f"projection {key.name} has no checkpoint yet; run: temple db migrate")
                # of a version that is not here yet, or not any more, there is nothing to wait for
                continue
            led = self._led.get(key)
            checkpoint = checkpoints[key]
            # of lanes that others lead, what they have published; of those that nobody asked for, nothing
            lanes = self._lease.lanes if checkpoint.split else frozenset[int]()
            position = least_of(checkpoint, lanes)
            if led is not None and led.lanes >= lanes:
                position = max(led.position, position)
            if position < target and may_fold(projection, checkpoint, self._catalogue) is None:
                return False
        return True

    def _head(self) -> Position:
        row = self._session().execute(statement("log_head")).fetchone()
        return START if row is None else Position(row[0])

    def _recover(self, error: Exception, failures: int) -> None:
        """A new connection, after a pause that grows; what was remembered under the old one is dropped."""
        state = error.sqlstate if isinstance(error, psycopg.Error) else None
        if isinstance(error, psycopg.Error) and not passes(error):
            raise DatabaseUnavailable(f"the runner cannot go on: the database refused (SQLSTATE {state})") from error
        pause = min(MOST_BACKOFF_SECONDS, 0.05 * 2 ** min(failures, 10))
        self._watcher.recovering(state)
        log.warning(
            "database error, trying again",
            reason=reason_of(error),
            sqlstate=state,
            pause_seconds=round(pause, 2),
            attempt=failures,
        )
        self._drop()
        if not self._stopping:
            self._wake.wait(pause)

    def _session(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise DatabaseUnavailable("the runner has no connection")
        return self._connection

    def _open(self) -> None:
        if self._connection is not None and not self._connection.closed:
            return
        self._drop()
        connection = self._connected(DatabaseRole.PROJECT)
        self._wire = connection
        try:
            require_current(connection)
            require_safe_log(connection)
        except BaseException:
            connection.close()
            raise
        wait_for_nobody(connection)
        self._connection = connection
        self._reader = GapReader(connection)
        for due in (self._renew, self._try, self._refresh):
            due.reset()

    def _connected(self, role: DatabaseRole = DatabaseRole.READ) -> psycopg.Connection[Any]:
        connection = opened_unless(
            lambda: self._stopping, lambda: self._database.connect(role, application="temple run")
        )
        if connection is None:
            raise DatabaseUnavailable("the runner was stopped before the database answered")
        return connection

    def _wires(self) -> Sequence[psycopg.Connection[Any]]:
        return [*([] if self._wire is None else [self._wire]), *self._wide.opened]

    def _drop(self) -> None:
        self._led.clear()
        self._wide.close()
        self._reader = None
        self._wire = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _close(self) -> None:
        if self._connection is not None and not self._connection.closed:
            try:
                self._lease.release(self._connection)
            except psycopg.Error as error:
                log.warning("lease not given back; it ends by itself", sqlstate=error.sqlstate)
        self._drop()
