"""A key of metadata that no field reads is no mistake; one that looks like a field, misspelt, is named."""

from typing import Any

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.event import Event, Payload
from temple_ledger.domain.log_entry import entry_of
from temple_ledger.infrastructure.log.remarks import About, remarks_about


class Lent(Event, type="library/lent_in_copies", version=2):
    copies: int = 1
    due: str = ""


@Lent.upcasts(1)
def _(old: Payload) -> Payload:
    return {"copies": old["copeis"]}


KNOWN = CATALOGUE.with_models([Lent])
LINE = {"timestamp": "2026-01-01T00:00:00Z", "user_id": "ada", "source": "csv"}


def named(event_type: str, action: str, metadata: Any, **more: Any) -> list[str]:
    columns = {**LINE, "event_type": event_type, "action": action, "metadata": metadata, **more}
    found = remarks_about(entry_of(columns, KNOWN), KNOWN, None)
    return [each.name for each in found if each.about is About.UNREAD_KEY]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"copeis": 2}, ["library/lent_in_copies: copeis, for copies?"]),
        ({"copies": 2, "copeis": 3}, []),
        ({"shelf": "B", "event": "fair"}, []),
        ({}, []),
    ],
)
def test_of_the_newest_version(metadata: dict[str, Any], expected: list[str]) -> None:
    assert named("library", "lent_in_copies", {**metadata, "event_version": 2}) == expected


def test_an_older_row_had_other_fields_and_a_built_in_event_has_rules_of_its_own() -> None:
    assert named("library", "lent_in_copies", {"copeis": 2}) == []
    assert named("discord_role_change", "added", {"granted_bye": "mod"}, target="Oracle") == []
