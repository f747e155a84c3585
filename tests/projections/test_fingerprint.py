"""Rows were made by the events as they were declared: a process that decodes them otherwise asks for a replay."""

import json
from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from temple_ledger.domain.catalogue import CATALOGUE
from temple_ledger.domain.errors import Refused
from temple_ledger.domain.event import Event, Payload
from temple_ledger.infrastructure.database.connection import Database
from temple_ledger.infrastructure.queries.consistent_read import snapshot
from temple_ledger.infrastructure.queries.projection_status import projection_status
from temple_ledger.infrastructure.read_models.operations import retry
from temple_ledger.infrastructure.read_models.rebuild.rebuild import rebuild
from temple_ledger.infrastructure.read_models.runner.transaction import read_checkpoints
from temple_ledger.infrastructure.read_models.verification.full import verify
from temple_ledger.infrastructure.read_models.verification.repair import repair
from temple_ledger.infrastructure.testing.ledger import LedgerScenario
from temple_ledger.projections.built_in import BUILT_IN
from temple_ledger.projections.fingerprint import reads_of, what_differs
from temple_ledger.projections.member_projection import MemberProjection
from temple_ledger.projections.row import Row, projection
from temple_ledger.projections.testing.histories import at, stored_row
from tests.verification.builders import since_last

Model = type[Event]


class Kind(StrEnum):
    MILD = "mild"


class Total(Row, table="example_total"):
    points: int = 0


def reading(*models: Model) -> MemberProjection[Total]:
    made = projection("total", version=1, state=Total)
    for model in models:
        made.on(model)(lambda total, event: total.replace(points=total.points + getattr(event, "points", 0)))
    return made


def as_it_was() -> Model:
    class Warned(Event, type="test/warned", version=2):
        points: int = 1
        kind: Kind = Kind.MILD

    @Warned.upcasts(1)
    def _(old: Payload) -> Payload:
        # as it came from the forum
        return {**old, "points": old["severity"]}

    return Warned


def laid_out_otherwise() -> Model:
    class Warned(Event, type="test/warned", version=2):
        """With a docstring."""

        points: int = 1
        kind: Kind = Kind.MILD
        note: str | None = None

    @Warned.upcasts(1)
    def _(old: Payload) -> Payload:
        return {
            **old,
            "points": old["severity"],
        }

    return Warned


def with_another_upcaster() -> Model:
    class Warned(Event, type="test/warned", version=2):
        points: int = 1
        kind: Kind = Kind.MILD

    @Warned.upcasts(1)
    def _(old: Payload) -> Payload:
        return {**old, "points": old["severity"] + 1}

    return Warned


def with_another_default() -> Model:
    class Warned(Event, type="test/warned", version=2):
        points: int = 2
        kind: Kind = Kind.MILD

    Warned.upcasts(1)(_same_upcaster(as_it_was()))
    return Warned


def with_another_type() -> Model:
    class Warned(Event, type="test/warned", version=2):
        points: int = 1
        kind: str = "mild"

    Warned.upcasts(1)(_same_upcaster(as_it_was()))
    return Warned


def with_a_field_more() -> Model:
    class Warned(Event, type="test/warned", version=2):
        points: int = 1
        kind: Kind = Kind.MILD
        by: str

    Warned.upcasts(1)(_same_upcaster(as_it_was()))
    return Warned


def with_a_field_less() -> Model:
    class Warned(Event, type="test/warned", version=2):
        points: int = 1

    Warned.upcasts(1)(_same_upcaster(as_it_was()))
    return Warned


def with_another_name() -> Model:
    class Warned(Event, type="test/warned", version=2, aliases=("test/cautioned",)):
        points: int = 1
        kind: Kind = Kind.MILD

    Warned.upcasts(1)(_same_upcaster(as_it_was()))
    return Warned


def in_another_version() -> Model:
    class Warned(Event, type="test/warned", version=3):
        points: int = 1
        kind: Kind = Kind.MILD

    Warned.upcasts(1)(_same_upcaster(as_it_was()))
    Warned.upcasts(2)(dict)
    return Warned


class Praised(Event, type="test/fingerprint_praised"):
    points: int = 1


def _same_upcaster(model: Model) -> Callable[..., Any]:
    assert model.declaration is not None
    return model.declaration.upcasters[1]


DIFFERS: dict[str, tuple[Callable[[], Model], str]] = {
    "upcaster": (with_another_upcaster, "test/warned: an upcaster is another one"),
    "default": (with_another_default, "test/warned: field points is declared otherwise"),
    "type": (with_another_type, "test/warned: field kind is declared otherwise"),
    "more": (with_a_field_more, "test/warned: field by is new and has no default"),
    "less": (with_a_field_less, "test/warned: field kind is gone"),
    "alias": (with_another_name, "test/warned: its names are others"),
    "version": (in_another_version, "test/warned: version 3, it was 2"),
}


def reads(*models: Model) -> str:
    return reads_of(reading(*models), CATALOGUE.with_models(models))


@pytest.mark.parametrize("what", DIFFERS)
def test_what_decodes_otherwise_is_named(what: str) -> None:
    declared, sentence = DIFFERS[what]
    assert what_differs(reads(as_it_was()), reads(declared())) == sentence


def test_layout_comments_and_a_new_field_with_a_default_change_nothing() -> None:
    assert what_differs(reads(as_it_was()), reads(laid_out_otherwise())) is None
    assert reads(as_it_was()) == reads(as_it_was())


def test_a_rule_for_one_event_more_or_less_is_named() -> None:
    less, more = reads(as_it_was()), reads(as_it_was(), Praised)
    assert what_differs(less, more) == "test/fingerprint_praised is read now"
    assert what_differs(more, less) == "test/fingerprint_praised is not read any more"


def test_a_model_within_itself_has_an_end() -> None:
    class Tree(Event, type="test/tree"):
        under: "list[Tree] | None" = None

    Tree.model_rebuild(_types_namespace={"Tree": Tree})
    assert reads(Tree)


def test_of_our_own_events_every_checkpoint_notes_what_was_read(database: Database) -> None:
    ledger = LedgerScenario(database)
    ledger.given(stored_row("discord_join/joined", "ada", at(1)))
    ledger.catch_up()
    with snapshot(database) as connection:
        found = {key: each.reads for key, each in read_checkpoints(connection).items()}
    assert found == {each.key: reads_of(each, CATALOGUE) for each in BUILT_IN}


OLD = (
    stored_row("test/warned", "ada", at(1), version=1, severity=3),
    stored_row("test/warned", "ada", at(2), version=2),
)
ASKS = "run: temple replay total --apply"


def test_rows_of_another_meaning_wait_for_a_replay(database: Database) -> None:
    before, after = as_it_was(), with_another_upcaster()
    was = reading(before)
    ledger = LedgerScenario(database, projections=[was])
    ledger.given(*OLD)
    ledger.then_row(was, "ada", Total(4))

    now, catalogue = reading(after), CATALOGUE.with_models([after])
    later = LedgerScenario(database, projections=[now], migrated=True)
    later.given(stored_row("test/warned", "ada", at(3), version=2))
    with pytest.raises(AssertionError, match="total stands still: needs replay"):
        later.catch_up()
    quick = since_last(database, now, catalogue=catalogue).verified
    for found in (verify(database, now, catalogue=catalogue), quick):
        assert found.unverified is not None
        assert "declared otherwise now (test/warned: an upcaster is another one)" in found.unverified
        assert ASKS in found.unverified
        with pytest.raises(Refused, match=ASKS):
            repair(database, now, found, by="ada", reason="drift", catalogue=catalogue)
    with pytest.raises(Refused, match=ASKS):
        retry(database, now, [], by="ada", catalogue=catalogue)
    with snapshot(database) as connection:
        status = projection_status(connection, [now], "total", catalogue=catalogue)
    assert (status.state, status.next_command) == ("needs replay", "temple replay total --apply")
    assert status.reason == "its rows were made of other events: test/warned: an upcaster is another one"
    assert ledger.rows(was, "example_total", "ada") == [(4,)]

    rebuild(database, now, catalogue=catalogue, by="ada")
    later.then_row(now, "ada", Total(6))
    # and a process of the code before does not write into that
    with pytest.raises(AssertionError, match="total stands still: needs replay"):
        ledger.catch_up()


HELPED = """
from temple_ledger import Event, Payload

POINTS = {"low": 1}

def points_of(severity):
    return [scaled(POINTS[each]) for each in (severity,)][0]

def scaled(points):
    # a comment is no change
    return points * 1

class Warned(Event, type="test/warned_with_help", version=2):
    points: int = 1

@Warned.upcasts(1)
def _(old: Payload) -> Payload:
    return {**old, "points": points_of(old["severity"])}
"""


def helped(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> str:
    """What is noted of the event of a module with that *code*."""
    name = f"helped_{uuid4().hex}"
    (folder / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    model: Model = import_module(name).Warned
    return reads_of(reading(model), CATALOGUE.with_models([model]))


@pytest.mark.parametrize(
    ("part", "otherwise"),
    [("points * 1", "points * 2"), ('{"low": 1}', '{"low": 2}'), ("[0]", "[-1]")],
    ids=["what a function calls", "a constant", "the function itself"],
)
def test_what_an_upcaster_uses_of_its_module_is_noted_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, part: str, otherwise: str
) -> None:
    before = helped(monkeypatch, tmp_path, HELPED)
    after = helped(monkeypatch, tmp_path, HELPED.replace(part, otherwise))
    assert what_differs(before, after) == (
        "test/warned_with_help: a function or a constant that an upcaster uses is another one"
    )
    assert what_differs(before, helped(monkeypatch, tmp_path, HELPED.replace("# a comment", "# another"))) is None


def test_a_checkpoint_of_an_earlier_release_has_not_noted_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = helped(monkeypatch, tmp_path, HELPED)
    earlier = json.loads(now)
    for each in earlier.values():
        del each["called"]
    assert what_differs(json.dumps(earlier), now) is None
