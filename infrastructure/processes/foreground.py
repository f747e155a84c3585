"""A runner in the foreground: ended by a signal, showing what it does.

with stopped_by_signals() as stop, announce_running(home, "run"):
    folded = fold(session, projections, stop, until_caught_up=True)
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import structlog

from temple_ledger.infrastructure.database.connection import DatabaseRole, database_errors
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.log.reader import Look
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.processes.child_environment import child_environment
from temple_ledger.infrastructure.processes.children import Children
from temple_ledger.infrastructure.processes.metrics_server import Measured
from temple_ledger.infrastructure.processes.reconcile_schedule import reconciling
from temple_ledger.infrastructure.processes.second_process import SecondProcess
from temple_ledger.infrastructure.processes.unfinished_replays import finishing_replays
from temple_ledger.infrastructure.read_models.runner.lease import Lease
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.read_models.runner.watcher import NullWatcher, Watcher
from temple_ledger.infrastructure.terminal.progress import Bar, bar
from temple_ledger.infrastructure.terminal.service_manager import Watchdog
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.infrastructure.terminal.stopping import Stop
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.key import ProjectionKey
from temple_ledger.projections.lanes import EVERY
from temple_ledger.projections.processor import Projection, Step
from temple_ledger.projections.registry import catalogue, not_loaded
from temple_ledger.projections.standing import may_fold

log = structlog.get_logger("temple.runner")


@dataclass
class Folded:
    """What a runner did, by projection; `parked` members are those that were parked meanwhile."""

    events: Counter[str] = field(default_factory=Counter)
    refolded: Counter[str] = field(default_factory=Counter)
    parked: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Events, counted once for each projection."""
        return self.events.total()

    @property
    def rate(self) -> float:
        """Events a second, each counted once though several projections folded it."""
        most = max(self.events.values(), default=0)
        return most / self.seconds if self.seconds > 0 else 0.0


def fold(
    session: Session,
    projections: Iterable[Projection],
    stop: Stop,
    *,
    until_caught_up: bool = False,
    measured: Measured | None = None,
    lanes: frozenset[int] = EVERY,
) -> Folded:
    """Runs the projections until a signal comes, or until they have folded what is in the log by now; of those that
    are split, these lanes.

    The built-in ones here, where they are far behind with a second process; each other one in a process of its own.
    One that goes on also reconciles those it leads, on the schedule of the settings, and finishes their replays that
    were ended between two lanes.
    Raises what Runner.run raises.
    """
    wanted = list(projections)
    for failed in not_loaded():
        log.error("not loaded", kind=failed.kind, name=failed.name, place=failed.place, reason=failed.reason)
    with (
        _progress(session, wanted) if until_caught_up else _none() as bar_,
        Wakeup(session.database) as wakeup,
    ):
        watcher = _Watcher(bar_, measured.runner if measured is not None else NullWatcher())
        wake = _TellingWake(session, wakeup)
        database = session.database if measured is None else measured.database
        here = [each for each in wanted if each in BUILT_IN]
        elsewhere = [each.key for each in wanted if each not in BUILT_IN]
        second = SecondProcess(session.database, child_environment(session))
        runner = Runner(
            database,
            here,
            wake,
            watcher=watcher,
            catalogue=catalogue(),
            lease=Lease(lanes=lanes),
            beside=second,
        )
        children = Children(session, elsewhere, watcher, until_caught_up=until_caught_up, lanes=lanes)
        wake.runner = runner
        stop.calls(runner.stop)
        stop.calls(children.stop)
        stop.calls(wakeup.wake)
        started = time.monotonic()
        with (
            _none() if until_caught_up else reconciling(session, lambda: _names(led_here(runner, wanted))),
            _none() if until_caught_up else finishing_replays(session, lambda: led_here(runner, wanted)),
        ):
            children.begin()
            try:
                with second.ended():
                    runner.run(until_caught_up=until_caught_up)
            except BaseException:
                children.stop()
                raise
            children.wait()
        watcher.folded.seconds = time.monotonic() - started
        return watcher.folded


def led_here(runner: Runner, wanted: Iterable[Projection]) -> list[ProjectionKey]:
    """Those that no other runner leads, as far as this one has seen."""
    others = runner.led_by_others
    return [each.key for each in wanted if each.key not in others]


def _names(keys: Iterable[ProjectionKey]) -> list[str]:
    return list(dict.fromkeys(key.name for key in keys))


class _Watcher:
    def __init__(self, bar_: Bar | None, also: Watcher) -> None:
        self.folded = Folded()
        self._bar = bar_
        self._also = also
        self._watchdog = Watchdog()
        self._lock = Lock()

    def stepped(self, key: ProjectionKey, step: Step, seconds: float) -> None:
        # the children's steps are relayed by threads
        with self._lock:
            self.folded.events[key.name] += step.events
            self.folded.refolded[key.name] += step.refolded
            self.folded.parked[key.name] += len(step.failures)
            if self._bar is not None:
                self._bar.advance(step.events)
            self._also.stepped(key, step, seconds)

    def looked(self, look: Look) -> None:
        self._also.looked(look)

    def failed(self, key: ProjectionKey) -> None:
        self._also.failed(key)

    def recovering(self, sqlstate: str | None) -> None:
        self._watchdog()
        self._also.recovering(sqlstate)

    def beat(self) -> None:
        self._watchdog()
        self._also.beat()


class _TellingWake:
    """A wake-up that says, whenever that changes, which projections another runner leads."""

    def __init__(self, session: Session, wakeup: Wakeup) -> None:
        self.runner: Runner | None = None
        self._session = session
        self._wakeup = wakeup
        self._said: dict[ProjectionKey, str] = {}

    def wait(self, timeout: float) -> bool:
        others = dict(self.runner.led_by_others) if self.runner is not None else {}
        if others and others != self._said:
            for leader in sorted(set(others.values())):
                led = ", ".join(_shown(key, others) for key, holder in others.items() if holder == leader)
                self._session.note(f"another runner leads {led} ({leader}); this one takes over when it ends")
            self._said = others
        return self._wakeup.wait(timeout)


def _shown(key: ProjectionKey, among: Iterable[ProjectionKey]) -> str:
    """Its name, with the version where there are several."""
    return str(key) if sum(key.name == each.name for each in among) > 1 else key.name


@contextmanager
def _progress(session: Session, projections: list[Projection]) -> Iterator[Bar]:
    """Counts what is in the log beyond the checkpoints by their positions, which may skip numbers."""
    with (
        session.database.connect(DatabaseRole.READ, application="temple progress") as connection,
        database_errors("looking at the log"),
    ):
        row = connection.execute(statement("log_head")).fetchone()
        head = row[0] if row else 0
        checkpoints = read_checkpoints(connection)
    due = sum(
        max(0, head - checkpoints[each.key].position)
        for each in projections
        if each.key in checkpoints and may_fold(each, checkpoints[each.key], catalogue()) is None
    )
    with bar(session.progress, "folding", due, "events") as shown:
        yield shown


@contextmanager
def _none() -> Iterator[None]:
    yield None
