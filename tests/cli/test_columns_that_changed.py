"""A projection whose table in the database has other columns than its code declares: refused, with the way out."""

import re
import shlex
from collections.abc import Iterator

import pytest

from temple_ledger.domain.errors import SchemaMismatch
from temple_ledger.domain.events import RoleAdded
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.schema import bring_up_to_date
from temple_ledger.projections import registry
from temple_ledger.projections.row import Row, projection
from tests.cli.conftest import Typed
from tests.examples.grants import grants
from tests.examples.installing import install_points

POINTS = {registry.PROJECTIONS: {"grants": "tests.examples.grants:grants"}}
OTHER = "table example_grants of projection grants is there otherwise than it is declared (column last_at is missing)"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    monkeypatch.syspath_prepend(install_points(tmp_path_factory.mktemp("packages") / "site", POINTS))
    registry.loaded.cache_clear()
    yield
    registry.loaded.cache_clear()


@pytest.fixture
def folded(temple: Typed, database: Database) -> Database:
    """The tables are as they were declared before a column was added; one grant is folded."""
    assert temple("db", "migrate").code == 0
    granted = ("events", "append", "--type", "discord_role_change/added", "--user", "ada", "--target", "Oracle")
    assert temple(*granted).code == 0
    assert temple("run", "--until-caught-up").code == 0
    return database


def alter(database: Database, statement: str) -> None:
    with database.connect(DatabaseRole.OWNER) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "verb",
    [("db", "migrate"), ("verify", "--full"), ("verify", "--since-last"), ("replay", "grants", "--apply")],
)
def test_it_is_refused_with_what_leads_out(temple: Typed, folded: Database, verb: tuple[str, ...]) -> None:
    alter(folded, "alter table example_grants drop column last_at")
    ended = temple(*verb)
    assert ended.code == 5
    assert OTHER in ended.stderr
    assert "temple db shell -- -c 'drop table \"example_grants\"'" in ended.stderr
    assert "temple replay grants" in ended.stderr


def test_the_commands_of_the_sentence_lead_out(temple: Typed, folded: Database) -> None:
    alter(folded, "alter table example_grants drop column last_at")
    alter(folded, 'alter table "rebuild_example_grants@1" drop column last_at')
    refused = temple("db", "migrate")
    drop = re.search(r"temple (db shell -- -c '[^']+')", refused.stderr)
    assert drop is not None
    *_, statement = shlex.split(drop[1])
    alter(folded, statement)
    assert temple("db", "migrate").code == 0
    assert temple("replay", "grants", "--apply").code == 0
    assert temple("verify", "--full").code == 0
    with folded.connect(DatabaseRole.READ) as connection:
        assert connection.execute("select user_id, role, times from example_grants").fetchall() == [
            ("ada", "Oracle", 1)
        ]


@pytest.mark.parametrize("verb", [("db", "migrate"), ("replay", "--abort", "grants")])
def test_a_table_in_which_a_replay_collects_rows_is_made_anew(
    temple: Typed, folded: Database, verb: tuple[str, ...]
) -> None:
    alter(folded, 'alter table "rebuild_example_grants@1" drop column last_at')
    refused = temple("replay", "grants", "--apply")
    assert (refused.code, "of an earlier declaration; run: temple db migrate" in refused.stderr) == (5, True)
    assert temple(*verb).code == 0
    assert temple("replay", "grants", "--apply").code == 0


def test_a_runner_that_meets_other_columns_says_so(temple: Typed, folded: Database) -> None:
    alter(folded, "alter table example_grants drop column last_at")
    temple("events", "append", "--type", "discord_role_change/added", "--user", "bob", "--target", "Oracle")
    ended = temple("run", "--until-caught-up")
    assert ended.code == 1
    assert "grants stands still (failed): its table has other columns than its code declares" in ended.stderr
    assert "before it is resumed: temple db migrate; run: temple projection resume grants" in ended.stderr


def test_everybody_else_goes_on_and_status_says_who_does_not(temple: Typed, folded: Database) -> None:
    alter(folded, "alter table example_grants drop column last_at")
    assert temple("db", "migrate").code == 5
    assert "grants@1 stands still, and everything else goes on" in temple("db", "migrate").stderr
    temple("events", "append", "--type", "discord_role_change/added", "--user", "bob", "--target", "Oracle")
    up = temple("up", "--exit-when-ready")
    assert (OTHER in up.stderr, "Traceback" in up.stderr) == (True, False)
    with folded.connect(DatabaseRole.READ) as connection:
        read = "select count(*) from discord_user_current_roles where user_id = 'bob'"
        assert connection.execute(read.encode()).fetchone() == (1,)
    status = temple("status")
    assert "grants stands still (failed)" in status.stdout
    assert "column last_at is missing" in " ".join(status.stdout.split())


def test_what_others_need_is_made_beside_a_package_that_does_not_fit(folded: Database) -> None:
    alter(folded, "alter table example_grants drop column last_at")
    newer = projection("newer", version=1, state=Newer)
    newer.on(RoleAdded)(lambda row, event: row)
    changed = bring_up_to_date(folded, [grants, newer], goes_on=True)
    assert "newer_rows" in changed.tables
    assert [each.projection for each in changed.refused] == ["grants@1"]
    with pytest.raises(SchemaMismatch, match="column last_at is missing"):
        bring_up_to_date(folded, [grants, newer])


class Newer(Row, table="newer_rows"):
    number: int = 0
