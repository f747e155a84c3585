"""Whoever has the whole database and a list of all ids of the server finds nobody who was erased."""

import hashlib
import hmac
import re
from collections.abc import Iterator
from typing import Final
from uuid import NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500, uuid3, uuid5

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import Delivery, digest_of
from temple_ledger.infrastructure.ingestion.inbox.store import store
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.testing.histories import at
from tests.erasure.builders import MODERATOR, NAMESPACES, OTHER, PERSON, ROLE, erased, guessed, line, values
from tests.seals.builders import seal

GUILD: Final = [PERSON, OTHER, MODERATOR, *(str(1141786282152369000 + number) for number in range(200))]
HASHLIKE: Final = re.compile(r"[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
ALGORITHMS: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s")
FORMS: Final = ("{}", '"{}"', "{}\n", "discord:{}", "<@{}>", '{{"user_id":"{}"}}')
BODY: Final = '{{"user": {{"id": "{}", "username": "ada"}}}}'
KNOWN_BYTES: Final = 8
"""As many as a seal stores of a leaf."""
LEAVES: Final = """
select encode(substr(log_leaf(salt, event), 1, 8), 'hex')
from webhook_audit_log as log
cross join (
    select substr(opened, 32 * place + 1, 32) as salt
    from seal_key
    cross join generate_series(0, greatest(0, length(opened) / 32 - 1)) as place
    where opened <> ''
    union
    select seal_salt(key, id) from seal_key cross join webhook_audit_log where key is not null
) as known
cross join lateral (
    select jsonb_populate_record(
        log,
        jsonb_build_object(
            'user_id', case when log.user_id like 'erased:%%' then %(id)s else log.user_id end,
            'metadata', regexp_replace(log.metadata::text, 'erased:[0-9a-f-]+', %(id)s, 'g')::jsonb
        )
    )
) as back (event)
where strpos(event::text, %(id)s) > 0
"""
"""Leaves of the rows in which the id stands, put back where one was erased, under every salt that can still be had."""


def hash_like(database: Database) -> set[str]:
    """All that looks like a hash, in every table, the first bytes of it."""
    every = "\n".join(row for _, row in values(database))
    return {each.replace("-", "").lower()[: 2 * KNOWN_BYTES] for each in HASHLIKE.findall(every)} | leaves(database)


def leaves(database: Database) -> set[str]:
    with database.connect(DatabaseRole.SEAL) as connection:
        rows = connection.execute("select encode(leaves, 'hex') from log_seal where leaves is not null").fetchall()
    return {row[place : place + 2 * KNOWN_BYTES] for (row,) in rows for place in range(0, len(row), 2 * KNOWN_BYTES)}


def hashes_of(user_id: str) -> Iterator[str]:
    for form in (*FORMS, BODY):
        text = form.format(user_id)
        for name in ALGORITHMS:
            yield hashlib.new(name, text.encode()).hexdigest()
            yield hmac.new(b"", text.encode(), name).hexdigest()
        for namespace in (*NAMESPACES, NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500):
            yield uuid5(namespace, text).hex
            yield uuid3(namespace, text).hex
    yield digest_of(b"GUILD_MEMBER_ADD", BODY.format(user_id).encode()).hex()


def found_by_trying(database: Database) -> set[str]:
    there = hash_like(database)
    return {each for each in GUILD if any(made[: 2 * KNOWN_BYTES] in there for made in hashes_of(each))}


def by_leaves(database: Database) -> set[str]:
    with database.connect(DatabaseRole.LOGIN) as connection:
        found = {each: {leaf for (leaf,) in connection.execute(LEAVES, {"id": each})} for each in GUILD}
    there = leaves(database)
    return {user_id for user_id, made in found.items() if made & there}


def test_nobody_who_was_erased_is_found_by_trying_all_ids_against_every_hash(database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.append([line(PERSON, "joined", at(0)), line(OTHER, "added", at(1), ROLE, granted_by=PERSON)])
    ledger.append([line(OTHER, "joined", at(2)), line(PERSON, "added", at(3), ROLE, granted_by=MODERATOR)])
    body = BODY.format(PERSON).encode()
    with database.connect(DatabaseRole.APPEND) as connection:
        store(connection, [Delivery("discord", "GUILD_MEMBER_ADD", body, digest_of(b"GUILD_MEMBER_ADD", body), at(4))])
    ledger.catch_up()
    seal(database)
    assert {PERSON} == found_by_trying(database) - {OTHER, MODERATOR}
    assert PERSON in by_leaves(database)
    erased(database)
    ledger.then_verified()
    assert found_by_trying(database) | by_leaves(database) | guessed(database, GUILD) == {OTHER, MODERATOR}
