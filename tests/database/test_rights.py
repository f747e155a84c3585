"""Who may do what to which table, as the catalogue has it: a table that is new has to be written down here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pytest

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.database.roles import OWNER, ROLES

RIGHTS: Final = """
select
    relname::text,
    coalesce(role.rolname::text, 'public'),
    case when acl.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') then acl.privilege_type
        else 'OTHER ' || acl.privilege_type end
from pg_class as relation
cross join lateral (
    select grantee, privilege_type from aclexplode(relation.relacl)
    union
    -- of some columns
    select acl.grantee, acl.privilege_type
    from pg_attribute as attribute
    cross join lateral aclexplode(attribute.attacl) as acl
    where attribute.attrelid = relation.oid and not attribute.attisdropped
) as acl
left join pg_roles as role on role.oid = acl.grantee
where relation.relnamespace = 'public'::regnamespace
  and relation.relkind in ('r', 'v', 'm', 'p', 'S')
order by 1, 2, 3
"""
FUNCTIONS: Final = """
select
    proname::text,
    prosecdef,
    coalesce(array_to_string(proconfig, ' '), ''),
    has_function_privilege('public', procedure.oid, 'execute')
from pg_proc as procedure
where pronamespace = 'public'::regnamespace
order by proname
"""
LETTERS: Final = {"SELECT": "r", "INSERT": "i", "UPDATE": "u", "DELETE": "d", "TRUNCATE": "t"}

WRITTEN_DOWN: Final = """
discord_attribution: append r, project r, read r, translate diru
discord_change: append r, project r, read r, translate diru
discord_feed: append r, project r, read r, translate diru
discord_member: append r, project r, read r, translate diru
discord_role: append r, project r, read r, translate diru
discord_role_directory: append r, project r, read r
discord_session: append iru, project r, read r, translate d
discord_user_current_roles: append r, project diru, read r
discord_user_current_roles_named: append r, project r, read r
effect: append r, deliver r, project iru, read r
effect_held_back: append r, deliver r, project iru, read r
effect_outbox: append r, deliver dru, project diru, read r
effect_sink: append r, deliver iru, project r, read r
erased_position: append r, project r, read r
erasure: append r, project r, read r
feed_change: append r, deliver r, project dir, read r
feed_consumer: append r, deliver dru, project ru, read r
feed_operation: project OTHER USAGE
inbox: append iru, operate ru, project r, read r, translate du
inbox_source: append iru, project r, read r
ledger_canon: append r, project r, read r
ledger_guild: append r, project r, read r, translate diru
ledger_migration: append r, deliver r, operate r, project r, read r, seal r, tokens r, translate r, web r
ledger_operation: append r, operate ir, project ir, read r, seal ir, translate ir
log_import: append iru, project ru, read r
log_import_range: append ir, project r, read r
log_retraction: append r, project ir, read r, seal r
log_row: append r, project r, read r
log_seal: append r, project r, read r, seal r
members_event: append r, project r, read r
members_snapshot: append r, project r, read r
patreon_delivery_count: append r, project r, read r, translate diru
patreon_link: append r, project r, read r, translate diru
patreon_member: append r, project r, read r, translate diru
patreon_person: append r, project r, read r, translate diru
patreon_tier: append r, project r, read r, translate diru
patreon_token: tokens iru
patreon_token_state: append r, project r, read r, tokens r
patreon_webhook: append r, project r, read r, translate diru
process_lease: read r, translate diru
projection_batch: append r, project diru, read r
projection_checkpoint: append r, project diru, read r, seal r
projection_failure: append r, project diru, read r
projection_frontier: append r, project diru, read r
projection_lane: append r, project diru, read r
projection_lease: append r, project diru, read r, seal r
projection_rebuild: append r, project diru, read r
projection_rebuild_failure: append r, project diru, read r
projection_rebuild_frontier: append r, project diru, read r
projection_rebuild_range: append r, project diru, read r
projection_rollup: append r, project r, read r
rebuild_discord_user_current_roles@1: append r, project dirtu, read r
rebuild_role_periods@1: append r, project dirtu, read r
rebuild_temple_member_status@1: append r, project dirtu, read r
rebuild_webhook_activity_hourly@1: append r, project dirtu, read r
retracted_range: append r, project dir, read r, seal r
role_headcount: append r, project r, read r
role_periods: append r, project diru, read r
rollup_role_headcount_v1: append r, project diru, read r
seal_key: seal r
seal_proof: append r, project ru, read r, seal ru
sealer: append r, project ru, read r, seal ru
skipped_position: append r, project ir, read r, seal r
snapshot: append r, project r, read r, translate diru
snapshot_finding: append r, project r, read r, translate diru
temple_member_status: append r, project diru, read r
translator: append r, project r, read r, translate iru
trigger_member: append r, project diru, read r
trigger_period: append r, project r, read r
verification: append r, project dir, read r
verification_round: append r, project iru, read r
web_link: web dir
web_session: read r, web diru
webhook_activity_hourly: append r, project diru, read r
webhook_audit_log: append ir, project r, read r, seal r
webhook_audit_log_id_seq: append r, project r, read r, seal r
webhook_audit_trail: append r, project r, read r
"""
"""r select, i insert, u update, d delete, t truncate, of some columns at least; the owner's are not shown."""

Matrix = Mapping[str, Mapping[str, str]]


def matrix(database: Database) -> Matrix:
    """By table and role, without the owner: the letters of its rights, sorted."""
    found: dict[str, dict[str, set[str]]] = {}
    for table, role, right in asked(database, RIGHTS):
        if role != OWNER:
            found.setdefault(table, {}).setdefault(role.removeprefix("temple_"), set()).add(LETTERS.get(right, right))
    return {table: {role: "".join(sorted(its)) for role, its in roles.items()} for table, roles in found.items()}


def asked(database: Database, query: str) -> Sequence[tuple[str, ...]]:
    with database.connect(DatabaseRole.LOGIN) as connection:
        return connection.execute(query.encode()).fetchall()


def tables(database: Database) -> Iterator[str]:
    query = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
    for (table,) in asked(database, query):
        yield table


def written_down() -> Matrix:
    lines = [line.partition(": ") for line in WRITTEN_DOWN.strip().splitlines()]
    return {table: dict(each.split(" ", 1) for each in roles.split(", ")) for table, _, roles in lines}


def test_every_right_is_written_down_and_no_other(database: Database) -> None:
    found, wanted = matrix(database), written_down()
    different = {name for name in {*found, *wanted} if found.get(name) != wanted.get(name)}
    assert {name: found.get(name) for name in different} == {name: wanted.get(name) for name in different}


def test_no_table_is_forgotten(database: Database) -> None:
    assert {*tables(database)} - {*matrix(database)} == set()


def test_only_our_roles_have_rights(database: Database) -> None:
    ours = {role.removeprefix("temple_") for role in ROLES}
    assert {role for roles in matrix(database).values() for role in roles} <= ours


@pytest.mark.parametrize(
    ("table", "right", "by"),
    [
        ("webhook_audit_log", "i", {"append"}),
        ("webhook_audit_log", "u", set()),
        ("webhook_audit_log", "d", set()),
        ("log_seal", "i", set()),
        ("log_seal", "u", set()),
        ("seal_key", "r", {"seal"}),
        ("seal_key", "u", set()),
        ("ledger_operation", "u", set()),
        ("ledger_operation", "d", set()),
        ("web_session", "u", {"web"}),
        ("patreon_token", "r", {"tokens"}),
        ("patreon_token", "u", {"tokens"}),
        ("inbox", "d", {"translate"}),
        ("discord_feed", "u", {"translate"}),
        ("patreon_member", "u", {"translate"}),
        ("translator", "u", {"translate"}),
    ],
)
def test_what_nobody_else_may_do(database: Database, table: str, right: str, by: set[str]) -> None:
    assert {role for role, rights in matrix(database)[table].items() if right in rights.split(" ")[0]} == by


def test_what_runs_with_the_owners_rights_pins_its_path_and_is_called_by_whom_we_named(database: Database) -> None:
    definers = [each for each in asked(database, FUNCTIONS) if each[1]]
    assert len(definers) > 10
    assert [name for name, _, settings, _ in definers if "search_path" not in settings] == []
    assert [name for name, _, _, public in definers if public] == []
