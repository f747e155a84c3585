"""Whatever happens to the rows, and whoever writes them: a rollup is their group-by, afterwards and in between."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.position import Position, PositionSet
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.rollup_sql import EVENTS as EVENTS_OF_TABLE
from temple_ledger.infrastructure.database.rollup_sql import trigger_name
from temple_ledger.infrastructure.database.rollups import rollup_drift, stored_rollups
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.log.settled import settled_head
from temple_ledger.infrastructure.read_models.operations import parked, skip
from temple_ledger.infrastructure.read_models.rebuild.apply import Limit
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.retraction import Selection, reinstate, retract
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.trigger_mode import disable, enable
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.projections.members import STATUS, members
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.rollup import Rollup, count_of, declare, distinct_of, max_of, sum_of, value_or
from tests.canon.drawn import EVENTS, Row, example, insert
from tests.canon.folds import Connection
from tests.thorough import examples

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A smaller example takes minutes to find, since each one is played on a database."""
OFTEN = ["append", "append", "append", "fold", "fold", "repair"]
RARELY = ["restart", "retract", "reinstate", "skip", "replay", "plant", "plant unseen", "trigger", "rebuild in sql"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(OFTEN + RARELY),
        st.integers(0, 40),
        st.integers(1, 6),
    ),
    min_size=5,
    max_size=25,
)
BY_TIER: Rollup = declare(
    members.name,
    members.version,
    members.tables,
    "members_by_tier",
    value_or("patreon_tier", "none"),
    STATUS,
    {
        "members": count_of(),
        "roles": sum_of("total_roles_count"),
        "kinds": distinct_of("status"),
        "latest": max_of("last_activity"),
    },
)
PLANTED = (
    "insert into discord_user_current_roles values (%(member)s, 'Usurper', now()) on conflict do nothing",
    "delete from discord_user_current_roles where user_id = %(member)s",
    "update temple_member_status set patreon_tier = 'stolen', total_roles_count = 99 where user_id = %(member)s",
    "delete from temple_member_status where user_id = %(member)s",
)


class Play:
    """One history, and what people do meanwhile."""

    def __init__(self, database: Database, rows: Sequence[Row]) -> None:
        self.database = database
        self.waiting = list(rows)
        self.user_ids = sorted({row.user_id for row in rows})
        self.positions: list[Position] = []
        self.trigger = False

    def append(self, start: int, length: int) -> None:
        del start
        now, self.waiting = self.waiting[:length], self.waiting[length:]
        if now:
            with self.database.connect(DatabaseRole.APPEND) as connection:
                self.positions += insert(connection, now)

    def retract(self, start: int, length: int) -> None:
        retract(self.database, self._chosen(start, length), [members], CATALOGUE, reason="drawn", by="ada")

    def reinstate(self, start: int, length: int) -> None:
        reinstate(self.database, self._chosen(start, length), [members], CATALOGUE, by="ada")

    def skip(self, start: int, length: int) -> None:
        del length
        with self.database.connect(DatabaseRole.READ) as connection:
            found = parked(connection, projection=members.name)
        for each in found[start % len(found) :][:1] if found else ():
            skip(self.database, members, each, by="ada", reason="drawn", catalogue=CATALOGUE)

    def replay(self, start: int, length: int) -> None:
        del start, length
        assert rebuild(self.database, members, by="ada", catalogue=CATALOGUE, limit=Limit(None)) is not None

    def plant(self, start: int, length: int) -> None:
        with self.database.connect(DatabaseRole.PROJECT) as connection:
            self._plant(connection, start, length)

    def plant_unseen(self, start: int, length: int) -> None:
        """Where the triggers do not fire: the rollups follow when the rows are mended."""
        with self.database.connect(DatabaseRole.OWNER) as connection, connection.transaction():
            self._triggers(connection, "disable")
            self._plant(connection, start, length)
            self._triggers(connection, "enable always")
        self.repair(start, length)

    def repair(self, start: int, length: int) -> None:
        del start, length
        found = verify(self.database, members, catalogue=CATALOGUE)
        if not found.ok:
            repair(self.database, members, found, by="ada", reason="drawn", catalogue=CATALOGUE)
        assert verify(self.database, members, catalogue=CATALOGUE).ok

    def switch(self, start: int, length: int) -> None:
        del start, length
        with suppress(Refused):
            disable(self.database, by="ada") if self.trigger else enable(self.database, by="ada", catalogue=CATALOGUE)
            self.trigger = not self.trigger

    def rebuild_in_sql(self, start: int, length: int) -> None:
        del start, length
        with self.database.connect(DatabaseRole.PROJECT) as connection:
            connection.execute("call rebuild_derived_state_from_audit()")

    def _triggers(self, connection: Connection, how: str) -> None:
        for rollup in stored_rollups(connection):
            for event in EVENTS_OF_TABLE:
                trigger = trigger_name(rollup, event)
                connection.execute(f"alter table {rollup.table} {how} trigger {trigger}".encode())

    def _plant(self, connection: Connection, start: int, length: int) -> None:
        connection.execute(
            PLANTED[start % len(PLANTED)].encode(), {"member": self.user_ids[length % len(self.user_ids)]}
        )

    def _chosen(self, start: int, length: int) -> Selection:
        return Selection(positions=PositionSet.of(self.positions[start % max(1, len(self.positions)) :][:length]))


def test_rollups_are_the_group_by_of_their_source_after_every_step(database: Database) -> None:
    projection = type(members)(
        "members",
        version=1,
        tables=members.tables,
        initial=members.initial,
        rows=members.rows_of,
        state=members.state_of,
    )
    projection.rollups[BY_TIER.name] = BY_TIER
    bring_up_to_date(database, [projection])
    seen: set[str] = set()
    with (
        database.connect(DatabaseRole.READ) as read,
        database.connect(DatabaseRole.PROJECT) as project,
    ):
        rollups = stored_rollups(read, "members", 1)
        assert [rollup.name for rollup in rollups] == ["members_by_tier", "role_headcount"]

        @settings(
            max_examples=examples(12), deadline=None, phases=UNSHRUNK, suppress_health_check=[HealthCheck.too_slow]
        )
        @given(EVENTS, STEPS)
        def holds(drawn: list[Any], steps: list[tuple[str, int, int]]) -> None:
            play = Play(database, example(drawn).rows)
            processor = processor_of(members, transactions(project), catalogue=CATALOGUE)
            does: dict[str, Callable[[int, int], None]] = {
                "append": play.append,
                "retract": play.retract,
                "reinstate": play.reinstate,
                "skip": play.skip,
                "replay": play.replay,
                "plant": play.plant,
                "plant unseen": play.plant_unseen,
                "repair": play.repair,
                "trigger": play.switch,
                "rebuild in sql": play.rebuild_in_sql,
            }
            for step, start, length in [*steps, ("append", 0, len(play.waiting))]:
                match step:
                    case "restart":
                        processor = processor_of(members, transactions(project), catalogue=CATALOGUE)
                    case "fold":
                        processor.step(upto=settled_head(project), limit=length)
                    case _:
                        does[step](start, length)
                seen.add(step)
                for rollup in rollups:
                    assert list(rollup_drift(read, rollup)) == [], step
            if play.trigger:
                play.switch(0, 0)
            while processor.step(upto=settled_head(project), limit=1_000).idle is None:
                pass
            play.repair(0, 0)
            for rollup in rollups:
                assert list(rollup_drift(read, rollup)) == []

        holds()
        assert read.execute("select from role_headcount").rowcount, "nobody held a role"
    assert len(seen) == 12
