"""The history that benchmarks work on: a demo community's, as a file of JSON lines, as CSV, and loaded into a log."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Final

from bench.apart import alone, peak_mebibytes
from bench.site import EMPTY, Site, rows, tidy
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.log_entry import LogEntry, entry_of_line
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.demo import Community, generate
from temple_ledger.infrastructure.log.admission import Admission
from temple_ledger.infrastructure.log.import_lines import import_lines
from temple_ledger.infrastructure.log.notifier import Notifier

SEED: Final = 20_251
DUPLICATE_SHARE: Final = 0.05
COLUMNS: Final = "event_id, timestamp, event_type, user_id, action, target, metadata, source"
_BEFORE_ID: Final = '{"event_id":"'
_ID_ENDS: Final = len(_BEFORE_ID) + 36


@dataclass(frozen=True)
class History:
    """*lines* lines of JSON with *events* different events of *members* members, 3 % of them late."""

    path: Path
    events: int
    members: int
    lines: int


@dataclass(frozen=True)
class Import:
    seconds: float
    added: int
    peak_mebibytes: float


def history(site: Site, events: int, members: int) -> History:
    """Written once for each size."""
    path = site.folder / f"{events}-{members}.jsonl"
    if not path.exists():
        site.say(f"  generating {events:,} events of {members:,} members")
        alone(write_lines, path, events, members)
    with path.open("rb") as lines:
        return History(path, events, members, sum(1 for _ in lines))


def loaded(site: Site, of: History) -> str:
    """A database with the history in its log and nothing folded, to copy from."""

    def fill(dsn: str) -> None:
        site.say(f"  loading {of.events:,} events")
        assert alone(import_file, dsn, of.path).added == of.events
        tidy(dsn)

    return site.template(f"bench_loaded_{of.events}_{of.members}", EMPTY, fill)


def half_of(site: Site, of: History) -> History:
    """The first half of its lines."""
    path = of.path.with_name(f"{of.path.stem}-half.jsonl")
    lines = of.lines // 2
    with of.path.open("rb") as whole, path.open("wb") as half:
        half.writelines(islice(whole, lines))
    with path.open("rb") as half:
        events = len({line[len(_BEFORE_ID) : _ID_ENDS] for line in half})
    return History(path, events, of.members, lines)


def as_csv(site: Site, of: History) -> Path:
    """The same rows in the same order, as psql wrote them."""
    path = of.path.with_suffix(".csv")
    if not path.exists():
        with site.copy(loaded(site, of)) as dsn:
            site.psql(dsn, f"\\copy (select {COLUMNS} from webhook_audit_log order by id) to '{path}' (format csv)")
    return path


def entries(path: Path, number: int) -> list[LogEntry]:
    """The first ones, as a process has them that is about to append them."""
    with path.open("rb") as lines:
        return [entry_of_line(line, catalogue=CATALOGUE) for line in islice(lines, number)]


def write_lines(path: Path, events: int, members: int) -> None:
    """Ends with the line that makes *events* different ones."""
    lines = int(events / (1 - DUPLICATE_SHARE) * 1.02) + 100
    community = Community(seed=SEED, members=members, events=lines, duplicate_share=DUPLICATE_SHARE)
    seen: set[str] = set()
    unfinished = path.with_suffix(".new")
    with unfinished.open("w", encoding="utf-8") as file:
        for line in generate(community):
            assert line.startswith(_BEFORE_ID)
            seen.add(line[len(_BEFORE_ID) : _ID_ENDS])
            file.write(line + "\n")
            if len(seen) == events:
                break
    assert len(seen) == events
    unfinished.rename(path)


def import_file(dsn: str, path: Path) -> Import:
    """As `temple events import` does it."""
    database = Database(dsn)
    with Notifier(database) as notifier:
        started = perf_counter()
        imported = import_lines(database, path, notifier=notifier, catalogue=CATALOGUE, admission=Admission(CATALOGUE))
        seconds = perf_counter() - started
    assert imported.complete
    return Import(seconds, imported.added, peak_mebibytes())


def require_loaded(dsn: str, of: History) -> None:
    """That the log holds each event of the history, once."""
    assert rows(dsn, "select count(*), count(distinct event_id) from webhook_audit_log") == [(of.events, of.events)]
