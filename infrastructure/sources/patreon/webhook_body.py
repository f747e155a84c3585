"""A delivery's body: which membership it describes, or why it says nothing about one."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from temple_ledger.infrastructure.sources.patreon.document import document_of, membership_of, tiers_in
from temple_ledger.infrastructure.sources.patreon.membership import Membership, Tier
from temple_ledger.infrastructure.sources.patreon.strict_json import UnreadableBody, read_json
from temple_ledger.infrastructure.sources.patreon.unread import unread_fields

MEMBER_TRIGGERS: Final = "members:"
DELETED: Final = "members:delete"


class Described(NamedTuple):
    """`tiers` are all that the document describes, entitled to or not. `unread` names the fields of an unknown form."""

    membership: Membership
    tiers: Sequence[Tier]
    unread: Sequence[str] = ()


class Aside(NamedTuple):
    """Stored, and nothing derived. The note never repeats the body."""

    note: str


def read_body(kind: str, raw: bytes) -> Described | Aside:
    """*kind* is the trigger, which the signature does not cover: it decides nothing that the body can say itself.

    Raises UnreadableBody.
    """
    document = document_of(read_json(raw))
    resource = document.data
    if not isinstance(resource, dict):
        raise UnreadableBody("its data is no object")
    aside = _aside(kind, resource.get("type"), resource.get("id"))
    if aside is not None:
        return aside
    membership = membership_of(resource, document.included)
    unread = unread_fields(resource, membership, document.included)
    return Described(membership, tuple(tiers_in(document.included)), unread)


def _aside(kind: str, type_: object, id_: object) -> Aside | None:
    if type_ == "post":
        return Aside("about a post, not about a member")
    if type_ == "pledge":
        return Aside("of Patreon's first API, without tiers: make a webhook of the second")
    if type_ != "member":
        raise UnreadableBody("its data is neither a member, nor a post, nor a pledge")
    if id_ is None:
        return Aside("a test from Patreon's portal: it describes nobody")
    if not kind.startswith(MEMBER_TRIGGERS):
        return Aside("a member under a trigger that is not about members")
    return None
