"""For each kind of change of a declaration, a migration does it, or prints the one way that does."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.domain.events import RoleAdded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.versions.switch import switch
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.condition import Condition
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.tables import Column, Index, Rows, Table
from temple_ledger.projections.testing.histories import at, role_added
from temple_ledger.projections.values import ColumnType
from tests.versions.conftest import Rows as Answer
from tests.versions.conftest import all_agree

Query = Callable[..., Answer]
TIMES = Column("times", ColumnType.INTEGER)
LAST = Column("last", ColumnType.TEXT, null=True)
BEFORE = Table("grants", columns=(TIMES, LAST), indexes=(("times",),))


def declared(table: Table, version: int = 1) -> MemberProjection[int]:
    """Counts grants; whatever columns there are beside, each row has a value for them."""

    def rows(times: int) -> Rows:
        last = None if column(table, "last").null else "x"
        values: dict[str, object] = {"times": times, "last": last}
        return {"grants": [tuple(values.get(each.name, "y") for each in table.columns)]}

    def state(found: Rows) -> int:
        named = [dict(zip(table.column_names, row, strict=True)) for row in found.get("grants", ())]
        return int(named[0].get("times", 0)) if named else 0

    projection = MemberProjection("grants", version=version, tables=(table,), initial=int, rows=rows, state=state)

    @projection.on
    def _(times: int, event: RoleAdded) -> int:
        return times + 1

    return projection


def column(table: Table, name: str) -> Column:
    return next((each for each in table.columns if each.name == name), LAST)


@pytest.fixture
def before(database: Database) -> Database:
    ledger = LedgerScenario(database, projections=[declared(BEFORE)])
    ledger.given(role_added("ada", "Oracle", at(1)), role_added("bob", "Oracle", at(1)))
    ledger.catch_up()
    return database


DONE = {
    "an index more": (replace(BEFORE, indexes=(("times",), ("last",))), ["last", "times"], [False, True]),
    "an index less": (replace(BEFORE, indexes=()), [], [False, True]),
    "null where there was none": (
        replace(BEFORE, columns=(replace(TIMES, null=True), LAST)),
        ["times"],
        [True, True],
    ),
}


@pytest.mark.parametrize("change", DONE)
def test_what_changes_no_row_is_done(before: Database, query: Query, change: str) -> None:
    table, indexes, nulls = DONE[change]
    assert bring_up_to_date(before, [declared(table)]).tables == ()
    found = query("select indexdef from pg_indexes where tablename = 'grants' and indexdef !~ 'UNIQUE' order by 1")
    assert [text.rsplit("(")[1].rstrip(")") for (text,) in found] == indexes
    columns = (
        "select not attnotnull from pg_attribute where attrelid = 'grants'::regclass and attname = any('{times,last}')"
    )
    assert [null for (null,) in query(f"{columns} order by attname desc")] == nulls
    assert all_agree(before, declared(table))


def test_an_index_that_somebody_made_stays(before: Database, query: Query) -> None:
    query("create index by_hand on grants (last)", DatabaseRole.OWNER)
    bring_up_to_date(before, [declared(replace(BEFORE, indexes=()))])
    assert query("select indexname from pg_indexes where tablename = 'grants' order by 1") == [
        ("by_hand",),
        ("grants_pkey",),
    ]


def test_null_no_more_is_done_where_no_row_has_one(before: Database, query: Query) -> None:
    table = replace(BEFORE, columns=(TIMES, replace(LAST, null=False)))
    with pytest.raises(SchemaMismatch, match=r"raise the version of projection grants to 2 and run: temple db migrate"):
        bring_up_to_date(before, [declared(table)])
    query("update grants set last = 'x'", DatabaseRole.PROJECT)
    bring_up_to_date(before, [declared(table)])
    assert all_agree(before, declared(table))


POSITIVE = Condition("times", ">", 0)
RULES = {
    "a check": replace(BEFORE, checks=(POSITIVE,)),
    "another check": replace(BEFORE, checks=(Condition("times", "<", 100), Condition("last", "is null"))),
    "a unique index": replace(BEFORE, indexes=(("times",), Index("user_id", "times", unique=True))),
    "a unique index of some rows": replace(
        BEFORE, indexes=(Index("user_id", "times", unique=True, where=POSITIVE), ("times",))
    ),
}
"""What the fold looks at."""
CONSTRAINTS = """
    select pg_get_constraintdef(oid) from pg_constraint where conrelid = 'grants'::regclass and contype = 'c'
    union all
    select indexdef from pg_indexes where tablename = 'grants' and indexname not in ('grants_pkey', 'grants_times_idx')
    order by 1
"""


@pytest.mark.parametrize("change", RULES)
def test_a_rule_about_rows_is_noticed_and_made_and_taken_away(before: Database, query: Query, change: str) -> None:
    with_rule = declared(RULES[change])
    with pytest.raises(SchemaMismatch, match=r"otherwise than it is declared \(.*is missing\); run: temple db migrate"):
        all_agree(before, with_rule)
    for _ in range(2):
        bring_up_to_date(before, [with_rule])
        assert len(query(CONSTRAINTS)) == (len(RULES[change].checks) or 1)
    assert all_agree(before, with_rule)
    with pytest.raises(SchemaMismatch, match=r"is declared no more\); run: temple db migrate"):
        all_agree(before, declared(BEFORE))
    bring_up_to_date(before, [declared(BEFORE)])
    assert query(CONSTRAINTS) == []
    assert all_agree(before, declared(BEFORE))


def test_a_rule_that_the_rows_break_needs_another_version(before: Database, query: Query) -> None:
    query("update grants set times = 0 where user_id = 'ada'", DatabaseRole.PROJECT)
    for table in (RULES["a check"], replace(BEFORE, columns=(TIMES, replace(LAST, null=False)))):
        with pytest.raises(SchemaMismatch, match="raise the version of projection grants to 2 and run: temple db mig"):
            bring_up_to_date(before, [declared(table)])
    assert query(CONSTRAINTS) == []


def test_a_constraint_that_somebody_made_stays(before: Database, query: Query) -> None:
    query("alter table grants add constraint by_hand check (times < 7)", DatabaseRole.OWNER)
    query("create unique index by_hand_too on grants (last)", DatabaseRole.OWNER)
    for table in (RULES["a check"], RULES["a unique index"], BEFORE):
        bring_up_to_date(before, [declared(table)])
    assert len(query(CONSTRAINTS)) == 2


@pytest.mark.parametrize("value", [0, -3, 2**31 - 1])
def test_a_default_is_made_changed_and_taken_away(before: Database, query: Query, value: int) -> None:
    stored = "select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = 'grants'::regclass"
    for _ in range(2):
        bring_up_to_date(before, [declared(replace(BEFORE, columns=(replace(TIMES, default=value), LAST)))])
        query("insert into grants (user_id) values ('eve')", DatabaseRole.PROJECT)
        assert query("select times from grants where user_id = 'eve'") == [(value,)]
        query("delete from grants where user_id = 'eve'", DatabaseRole.PROJECT)
    bring_up_to_date(before, [declared(BEFORE)])
    assert query(stored) == []


def test_an_index_on_a_column_whose_name_is_a_word_of_sql_is_made_once(database: Database, query: Query) -> None:
    table = Table("grants", (TIMES, Column("order", ColumnType.TEXT)), indexes=(("order",),))
    for _ in range(3):
        bring_up_to_date(database, [declared(table)])
    assert query("select count(*) from pg_indexes where tablename = 'grants'") == [(2,)]


OTHERWISE = {
    "a column more": (
        replace(BEFORE, columns=(TIMES, LAST, Column("more", ColumnType.TEXT))),
        "column more is missing",
    ),
    "a column less": (replace(BEFORE, columns=(LAST,), indexes=()), "column times is not declared"),
    "another type": (
        replace(BEFORE, columns=(replace(TIMES, type=ColumnType.BIGINT), LAST)),
        "column times is integer, declared bigint",
    ),
    "another length": (
        replace(BEFORE, columns=(TIMES, replace(LAST, length=9))),
        "column last is text, declared character varying(9)",
    ),
    "another key": (replace(BEFORE, key=("times",)), r"its key is (user_id), declared (user_id, times)"),
    "a column that may be null no more, and is": (
        replace(BEFORE, columns=(TIMES, replace(LAST, null=False))),
        "column last of table grants may be null no more",
    ),
}


@pytest.mark.parametrize("change", OTHERWISE)
def test_what_would_change_rows_is_refused_under_the_same_version_and_built_beside_under_the_next(
    before: Database, query: Query, change: str
) -> None:
    table, sentence = OTHERWISE[change]
    with pytest.raises(SchemaMismatch) as refused:
        bring_up_to_date(before, [declared(table)])
    assert sentence in str(refused.value)
    assert "to 2 and run: temple db migrate" in str(refused.value)
    assert query("select user_id, times from grants order by 1") == [("ada", 1), ("bob", 1)]

    following = declared(table, version=2)
    assert bring_up_to_date(before, [following]).tables == ("grants@2",)
    assert query("select user_id, times from grants order by 1") == [("ada", 1), ("bob", 1)]
    rebuild(before, following, catalogue=CATALOGUE, by="ada")
    switch(before, "grants", 2, by="ada")
    assert query("select count(*) from grants") == [(2,)]
    assert all_agree(before, following)


def test_a_further_column_that_needs_no_value_does_not_matter(before: Database) -> None:
    table = replace(BEFORE, columns=(TIMES,))
    bring_up_to_date(before, [declared(table)])
    assert all_agree(before, declared(table))
