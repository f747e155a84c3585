"""What a request to the owner of the tables would do now: shown to whoever asks, and compared before it is done."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg

from temple_ledger.domain.errors import Refused, UnknownName
from temple_ledger.infrastructure.operating.digest import digest_of
from temple_ledger.infrastructure.processes.personal_tables import personal_tables
from temple_ledger.infrastructure.queries.member import require_member
from temple_ledger.infrastructure.read_models.erasure.person import related_ids, require_person
from temple_ledger.infrastructure.read_models.trigger_mode import trigger_status
from temple_ledger.infrastructure.read_models.versions.stored import StoredVersion, stored_versions

Connection = psycopg.Connection[Any]


class OwnerPreview(NamedTuple):
    """`facts` are what it would be done to: the same ones as long as it would do the same."""

    sentences: Sequence[str]
    facts: Sequence[object]
    people: Sequence[str] = ()

    @property
    def digest(self) -> str:
        return digest_of(*self.facts)


def preview_request(connection: Connection, action: str, arguments: Mapping[str, str]) -> OwnerPreview:
    """Reads only. Raises UnknownName for what is not there, and Refused for what there is no sense in."""
    if action not in PREVIEWS:
        raise UnknownName("request", action, tuple(PREVIEWS))
    return PREVIEWS[action](connection, arguments)


def _erase(connection: Connection, arguments: Mapping[str, str]) -> OwnerPreview:
    member = arguments.get("member", "")
    require_person(member)
    require_member(connection, member)
    ids = related_ids(connection, [member], personal_tables())
    named = ids[0] if len(ids) == 1 else f"each of {', '.join(ids)}"
    sentences = [f"A pseudonym would take the place of {named}, everywhere and for good. It cannot be undone."]
    return OwnerPreview(sentences, ("erase", *ids), [member])


def _switch(connection: Connection, arguments: Mapping[str, str]) -> OwnerPreview:
    name, to = arguments.get("projection", ""), arguments.get("to", "")
    versions = stored_versions(connection, name)
    if not to.isdecimal() or not any(each.key.version == int(to) for each in versions.versions):
        raise UnknownName(f"version of {name}", to)
    old, new = versions.active, versions.of(int(to))
    if new.active:
        raise Refused(f"readers of {name} see the rows of version {to} already")
    sentences = [
        f"Readers of {name} would see the rows of version {new.key.version} in the place of {old.key.version}.",
        f"Concerned are {', '.join(dict.fromkeys((*old.tables, *new.tables)))}.",
    ]
    return OwnerPreview(sentences, ("switch", *(_facts(each) for each in (old, new))))


def _facts(version: StoredVersion) -> tuple[object, ...]:
    return version.key.name, version.key.version, *sorted(version.tables), *sorted(version.rollups)


def _trigger_on(connection: Connection, _: Mapping[str, str]) -> OwnerPreview:
    status = trigger_status(connection)
    if status.on:
        raise Refused("the trigger maintains the rows of members already")
    sentences = ["The database would maintain the rows of members; whoever appends waits for whoever did so before."]
    return OwnerPreview(sentences, ("trigger-enable", status.version))


def _trigger_off(connection: Connection, _: Mapping[str, str]) -> OwnerPreview:
    status = trigger_status(connection)
    if not status.on:
        raise Refused("a runner maintains the rows of members already")
    return OwnerPreview(
        ["A runner would maintain the rows of members, and not the trigger."], ("trigger-disable", status.version)
    )


PREVIEWS: Final[Mapping[str, Callable[[Connection, Mapping[str, str]], OwnerPreview]]] = {
    "erase": _erase,
    "switch": _switch,
    "trigger-enable": _trigger_on,
    "trigger-disable": _trigger_off,
}
