"""The names of the tables go to another version in a moment, with all that hangs on them, or not at all."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from temple_ledger import Change, Message
from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.domain.event import Event
from temple_ledger.domain.events import RoleAdded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.ledger.ledger import Ledger
from temple_ledger.infrastructure.log.wakeup import Wakeup
from temple_ledger.infrastructure.read_models.rebuild.rebuild import Rebuild, rebuild
from temple_ledger.infrastructure.read_models.runner.runner import Runner
from temple_ledger.infrastructure.read_models.runner.transaction import transactions
from temple_ledger.infrastructure.read_models.versions.switch import plan_switch, switch, version_before
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.processor import processor_of
from temple_ledger.projections.tables import Column, Table
from temple_ledger.projections.testing.histories import at, role_added
from temple_ledger.projections.values import ColumnType
from tests.versions.conftest import Rows, all_agree, run
from tests.versions.standing import first, second

Query = Callable[..., Rows]
OWNER = DatabaseRole.OWNER
LOGIN = DatabaseRole.LOGIN


def to_second(ledger: LedgerScenario, **more: Any) -> None:
    switch(ledger.database, "standing", 2, by="ada", **more)


def test_readers_see_the_other_version_and_the_runner_keeps_both(beside: LedgerScenario, query: Query) -> None:
    to_second(beside, reason="it knows who left")
    assert query("select * from standing") == [("ada", 2, "Seeker")]
    assert query('select user_id, grants from "standing@1" order by 1') == [("ada", 2), ("bob", 1)]
    beside.given(role_added("ada", "Keeper", at(4)))
    run(beside.database, first, second)
    assert query("select * from standing") == [("ada", 3, "Keeper")]
    assert all_agree(beside.database, first, second)
    (entry,) = query("select reason, details ->> 'from', details ->> 'to' from ledger_operation where kind = 'switch'")
    assert entry == ("it knows who left", "1", "2")


def test_back_and_forth_every_row_stays_where_it_belongs(beside: LedgerScenario, query: Query) -> None:
    to_second(beside)
    with beside.database.connect(DatabaseRole.READ) as connection:
        assert version_before(connection, "standing") == 1
    switch(beside.database, "standing", 1, by="ada")
    assert query("select user_id, grants from standing order by 1") == [("ada", 2), ("bob", 1)]
    assert query('select * from "standing@2"') == [("ada", 2, "Seeker")]
    assert all_agree(beside.database, first, second)


def test_rollups_go_with_the_version_that_they_are_of(beside: LedgerScenario, query: Query) -> None:
    query("create view most as select max(grants) as most from standing_counts", OWNER)
    query("grant select on most to temple_read; grant select on standing_counts to temple_web", OWNER)
    assert query("select grants, people, last from standing_counts order by 1") == [(1, 1, "bob"), (2, 1, "ada")]
    assert query('select * from "standing_roles@2"') == [("Seeker", 1)]
    to_second(beside)
    assert query("select grants, people, last from standing_counts") == [(2, 1, "Seeker")]
    assert query("select * from standing_roles") == [("Seeker", 1)]
    assert query("select * from most") == [(2,)]
    assert query("select has_table_privilege('temple_web', 'standing_counts', 'select')") == [(True,)]
    beside.given(role_added("ada", "Keeper", at(4)))
    run(beside.database, first, second)
    assert query("select * from standing_roles") == [("Keeper", 1)]
    assert query('select grants, people from "standing_counts@1" order by 1') == [(1, 1), (3, 1)]
    assert all_agree(beside.database, first, second)
    switch(beside.database, "standing", 1, by="ada")
    assert query("select grants, people from standing_counts order by 1") == [(1, 1), (3, 1)]
    assert query('select * from "standing_roles@2"') == [("Keeper", 1)]


def test_effects_are_those_of_the_version_that_readers_see(ledger: LedgerScenario, query: Query) -> None:
    """From the switch on, and none of an event twice or never."""
    before, after = (_greeting(version) for version in (1, 2))
    bring_up_to_date(ledger.database, [before])
    rebuild(ledger.database, before, catalogue=CATALOGUE, by="ada")
    bring_up_to_date(ledger.database, [before, after])
    rebuild(ledger.database, after, catalogue=CATALOGUE, by="ada")
    now = datetime.now(UTC)
    ledger.given(role_added("ada", "Keeper", now))
    run(ledger.database, before, after)
    switch(ledger.database, "greeting", 2, by="ada")
    ledger.given(role_added("bob", "Keeper", now))
    run(ledger.database, before, after)
    sent = query("select version, user_id from effect_outbox where state = 'waiting' order by id")
    assert sent == [(1, "ada"), (2, "bob")]


def _greeting(version: int) -> MemberProjection[int]:
    table = Table("greeted", columns=(Column("times", ColumnType.INTEGER),))
    greeting = MemberProjection(
        "greeting",
        version=version,
        tables=(table,),
        initial=int,
        rows=lambda times: {"greeted": [(times,)]},
        state=lambda rows: int(rows.get("greeted", [(0,)])[0][0]),
    )

    @greeting.on
    def _(times: int, event: RoleAdded) -> int:
        return times + 1

    @greeting.effect
    def greet(change: Change[int]) -> Message:
        return Message("log", {"user_id": change.user_id}, "greeted")

    return greeting


def test_there_is_no_way_back_where_there_was_none_forth(beside: LedgerScenario) -> None:
    with beside.database.connect(DatabaseRole.READ) as connection, pytest.raises(Refused, match="nothing to go back"):
        version_before(connection, "standing")


def test_a_process_of_before_never_writes_into_its_successors_tables(beside: LedgerScenario, query: Query) -> None:
    with beside.database.connect(DatabaseRole.PROJECT) as connection:
        older = processor_of(first, transactions(connection), catalogue=CATALOGUE)
        (position,) = beside.given(role_added("ada", "Keeper", at(4)))
        older.step(upto=position, limit=10)
        run(beside.database, second)
        to_second(beside)
        (position,) = beside.given(role_added("bob", "Keeper", at(5)))
        assert older.step(upto=position, limit=10).events == 1
    assert query("select * from standing") == [("ada", 3, "Keeper")]
    assert query('select user_id, grants from "standing@1" order by 1') == [("ada", 3), ("bob", 2)]


def test_a_replay_that_began_before_the_switch_puts_its_rows_where_they_belong(
    beside: LedgerScenario, query: Query
) -> None:
    query("update standing set grants = 9", DatabaseRole.PROJECT)
    with Rebuild(beside.database, first, catalogue=CATALOGUE) as replay:
        replay.fold()
        shown = replay.compare()
        to_second(beside)
        replay.apply(shown, by="ada")
    assert query('select user_id, grants from "standing@1" order by 1') == [("ada", 2), ("bob", 1)]
    assert query("select * from standing") == [("ada", 2, "Seeker")]


HANGING = """
create view standing_shown as select user_id, grants as number from standing;
create view standing_first with (security_barrier = true) as select max(number) as most from standing_shown;
comment on view standing_first is 'the most of all';
comment on column standing_shown.number is 'how often';
comment on table standing is 'who stands where';
comment on column standing.grants is 'how often something was granted';
grant select on standing to bot;
grant select on standing_shown, standing_first to temple_read;
grant select (grants) on standing to website with grant option;
grant select on standing_first to bot;
alter table standing enable row level security;
create policy everybody on standing for select to public using (grants >= 0);
create policy ours on standing to temple_project using (true) with check (true);
alter table standing set (autovacuum_enabled = false);
alter table standing replica identity full;
"""


@pytest.fixture
def roles(database: Database) -> Iterator[None]:
    """Of the whole server: made for the test alone."""
    with database.connect(LOGIN) as connection:
        for name in ("bot", "website", "stranger"):
            connection.execute(f"create role {name}".encode())
        connection.execute("grant usage, create on schema public to stranger")
        yield
        for name in ("bot", "website", "stranger"):
            connection.execute(f"drop owned by {name}".encode())
            connection.execute(f"drop role {name}".encode())


def hanging(query: Query) -> list[Rows]:
    """What hangs on the names, as the catalogues have it."""
    return [
        query(
            "select definition from pg_views where viewname in ('standing_shown', 'standing_first') order by viewname"
        ),
        query(
            "select relname, reloptions, grantee::regrole::text, privilege_type from pg_class, aclexplode(relacl) "
            "where relname in ('standing_shown', 'standing_first') order by 1, 3, 4"
        ),
        query("select obj_description('standing_first'::regclass), col_description('standing_shown'::regclass, 2)"),
        query("select obj_description('standing'::regclass), col_description('standing'::regclass, 2)"),
        query(
            "select grantee::text, privilege_type from information_schema.role_table_grants "
            "where table_name = 'standing' and grantee in ('bot', 'website') order by 1, 2"
        ),
        query("select attacl::text from pg_attribute where attrelid = 'standing'::regclass and attname = 'grants'"),
        query(
            "select policyname, roles, cmd, qual, with_check from pg_policies where tablename = 'standing' order by 1"
        ),
        query("select relrowsecurity, relreplident, reloptions from pg_class where oid = 'standing'::regclass"),
        query("select pubname, rowfilter, attnames from pg_publication_tables where tablename = 'standing'"),
    ]


@pytest.mark.usefixtures("roles")
def test_what_hangs_on_the_table_goes_over(beside: LedgerScenario, query: Query) -> None:
    query(HANGING, OWNER)
    query("create publication people for table standing (user_id, grants) where (grants > 0)", LOGIN)
    query("alter publication people owner to temple_owner", LOGIN)
    before = hanging(query)
    to_second(beside)
    assert query("select * from standing_shown") == [("ada", 2)]
    assert query("select * from standing_first") == [(2,)]
    after = hanging(query)
    assert after == before
    assert query("select count(*) from pg_publication_tables where tablename = 'standing@1'") == [(0,)]
    query("revoke select on standing from bot; drop policy ours on standing", OWNER)
    query("comment on column standing.grants is null", OWNER)
    changed = hanging(query)
    switch(beside.database, "standing", 1, by="ada")
    assert hanging(query) == changed
    assert query("select * from standing_first") == [(2,)]
    assert all_agree(beside.database, first, second)
    query("drop publication people", LOGIN)


@pytest.mark.usefixtures("roles")
def test_a_view_of_somebody_else_stays_theirs(beside: LedgerScenario, query: Query) -> None:
    query("grant select on standing to stranger", OWNER)
    query('grant select on "standing@2" to stranger', OWNER)
    query("create view theirs as select grants from standing; alter view theirs owner to stranger", LOGIN)
    to_second(beside)
    assert query("select pg_get_userbyid(relowner) from pg_class where relname = 'theirs'") == [("stranger",)]
    assert query("select * from theirs", LOGIN) == [(2,)]


IN_THE_WAY = {
    "materialised view frozen reads its rows": "create materialized view frozen as select * from standing",
    "hangs on standing and cannot be given": "create table fan (user_id varchar(100) references standing)",
    "rule quiet on table standing": "create rule quiet as on delete to standing do instead nothing",
    "trigger loud on table standing": "create trigger loud before update on standing for each row "
    "execute function suppress_redundant_updates_trigger()",
    "index standing_grants_idx on standing (grants) is missing in version 2": "create index on standing (grants)",
    "inheritance of heir and standing": "create table heir () inherits (standing)",
    "function one()": "create function one() returns bigint begin atomic select count(*) from standing; end",
    "statistics object guess": "create statistics guess on user_id, grants from standing",
    "view moody has a trigger, a rule or a default": "create view moody as select * from standing; "
    "create rule r as on insert to moody do instead nothing",
}


@pytest.mark.parametrize("sentence", IN_THE_WAY)
def test_what_cannot_go_over_is_named_and_refuses(beside: LedgerScenario, query: Query, sentence: str) -> None:
    query(IN_THE_WAY[sentence], OWNER)
    with beside.database.connect(OWNER) as connection, connection.transaction():
        planned = plan_switch(connection, "standing", 2).hanging.refusals
    assert any(sentence in refusal for refusal in planned), planned
    with pytest.raises(Refused, match="nothing was changed"):
        to_second(beside)
    assert query("select user_id, grants from standing order by 1") == [("ada", 2), ("bob", 1)]


def test_a_view_that_reads_what_the_other_version_lacks_refuses(beside: LedgerScenario, query: Query) -> None:
    to_second(beside)
    query("create view newest as select last from standing", OWNER)
    with pytest.raises(Refused, match=r"view newest reads standing\.last, which version 1 does not have"):
        switch(beside.database, "standing", 1, by="ada")


def test_what_hangs_on_a_view_refuses_too(beside: LedgerScenario, query: Query) -> None:
    query("create view shown as select * from standing; grant select on shown to temple_read", OWNER)
    query("create function two() returns setof shown language sql begin atomic select * from shown; end", OWNER)
    with pytest.raises(Refused, match=r"nothing was changed: .*two\(\).* depends on"):
        to_second(beside)
    assert query("select count(*) from shown") == [(2,)]


def test_a_version_that_waits_for_its_replay_gets_no_names(ledger: LedgerScenario) -> None:
    bring_up_to_date(ledger.database, [first, second])
    with pytest.raises(Refused, match="run: temple replay standing@2 --apply"):
        to_second(ledger)


def test_an_unknown_version_is_said_to_be_unknown(beside: LedgerScenario) -> None:
    with pytest.raises(UnknownName, match="standing@3"):
        switch(beside.database, "standing", 3, by="ada")


def test_one_that_stands_behind_waits_or_is_allowed_to(beside: LedgerScenario, query: Query) -> None:
    beside.given(role_added("ada", "Keeper", at(4)))
    run(beside.database, first)
    with pytest.raises(Refused, match=r"stands 1 position behind .*temple projection wait standing@2"):
        to_second(beside, patience_seconds=0.1)
    to_second(beside, behind=True, reason="version 1 is wrong")
    assert query("select grants from standing") == [(2,)]


def test_it_waits_no_longer_for_whoever_reads_than_readers_wait_for_it(beside: LedgerScenario, query: Query) -> None:
    with beside.database.connect(DatabaseRole.READ, autocommit=False) as reader:
        reader.execute("select * from standing")
        with pytest.raises(Refused, match="somebody reads them"):
            to_second(beside, patience_seconds=0.3)
        assert query("select count(*) from standing") == [(2,)]
    to_second(beside)
    assert query("select count(*) from standing") == [(1,)]


def test_readers_of_table_and_view_meet_no_error_and_no_empty_table(beside: LedgerScenario, query: Query) -> None:
    query("create view shown as select * from standing; grant select on shown to temple_read", OWNER)
    stop = threading.Event()
    wrong: list[object] = []

    def read(name: str) -> None:
        with beside.database.connect(DatabaseRole.READ) as connection:
            while not stop.is_set():
                try:
                    row = connection.execute(f"select count(*) from {name}".encode(), prepare=True).fetchone()
                    if row not in ((1,), (2,)):
                        wrong.append(row)
                except psycopg.Error as error:
                    wrong.append(error)

    readers = [threading.Thread(target=read, args=(name,)) for name in ("standing", "shown", "standing", "shown")]
    for reader in readers:
        reader.start()
    try:
        for _ in range(10):
            for version in (2, 1):
                switch(beside.database, "standing", version, by="ada")
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert all_agree(beside.database, first, second)


def _retyped() -> MemberProjection[int]:
    """Version 2 with the columns of version 1, of another type."""
    table = Table("standing", columns=(Column("grants", ColumnType.BIGINT),))
    retyped = MemberProjection(
        "standing",
        version=2,
        tables=(table,),
        initial=int,
        rows=lambda grants: {"standing": [(grants,)]},
        state=lambda rows: int(rows.get("standing", [(0,)])[0][0]),
    )

    @retyped.on
    def _(grants: int, event: RoleAdded) -> int:
        return grants + 10

    return retyped


def test_another_type_stops_neither_a_runner_nor_a_program_that_reads(ledger: LedgerScenario, query: Query) -> None:
    """What PostgreSQL has planned for a connection does not fit the other table: "cached plan must not change"."""
    retyped = _retyped()
    bring_up_to_date(ledger.database, [first, retyped])
    rebuild(ledger.database, retyped, catalogue=CATALOGUE, by="ada")
    with Ledger(ledger.database.dsn, projections=[first, retyped]) as program, Wakeup(ledger.database) as wakeup:
        runner = Runner(ledger.database, [first, retyped], wakeup, catalogue=CATALOGUE)
        running = threading.Thread(target=runner.run)
        running.start()

        def folded(event: Event) -> None:
            (position,) = ledger.given(event)
            wakeup.wake()
            program.wait(position, projection="standing@1")
            program.wait(position, projection="standing@2")

        try:
            for number in range(8):
                # often enough that its statements are prepared, and of members whom the runner has to read
                folded(role_added(f"member {number}", "Keeper", at(4)))
                assert program.rows("standing", f"member {number}") == {"standing": [{"grants": 1}]}
            switch(ledger.database, "standing", 2, by="ada")
            assert program.rows("standing", "member 1") == {"standing": [{"grants": 10}]}
            folded(role_added("somebody new", "Seer", at(20)))
            assert program.rows("standing", "somebody new") == {"standing": [{"grants": 10}]}
        finally:
            runner.stop()
            wakeup.wake()
            running.join()
    assert query("select distinct state from projection_checkpoint where projection = 'standing'") == [("running",)]
    assert all_agree(ledger.database, first, retyped)
