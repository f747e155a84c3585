"""An author's own event is checked at our doors as ours are, also where only a rule of a projection knows it."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from temple_ledger.projections import registry
from tests.cli.conftest import Typed
from tests.log.builders import as_lines, line

ONLY_THE_PROJECTION = {
    registry.PROJECTIONS: [
        EntryPoint("moderation", "tests.examples.moderation.moderation:moderation", registry.PROJECTIONS)
    ]
}
WARNED = {"event_type": "moderation", "action": "warned", "metadata": {"by": "eve", "points": 2}}


@pytest.fixture(autouse=True)
def moderation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(ONLY_THE_PROJECTION.get(group, [])))
    _forget()
    yield
    _forget()


def _forget() -> None:
    registry.loaded.cache_clear()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    file = tmp_path / "history.jsonl"
    many = {**WARNED, "metadata": {"by": "eve", "points": "many"}}
    near = {**WARNED, "action": "warnd"}, {**WARNED, "event_type": "moderaton"}
    file.write_bytes(as_lines(*(line("ada", number, **each) for number, each in enumerate([WARNED, many, *near]))))
    return file


@pytest.mark.parametrize(("check", "code"), [(("--check",), 3), ((), 1)])
def test_a_line_is_checked_by_its_class_and_a_near_kind_is_refused(
    temple: Typed, history: Path, check: tuple[str, ...], code: int
) -> None:
    ended = temple("events", "import", *check, str(history))
    said = ended.stdout + ended.stderr
    assert ended.code == code
    assert "line 2: metadata.points" in said
    assert "line 3: moderation has no action 'warnd'" in said
    assert "line 4: no projection reads events of type 'moderaton'; 'moderation' is most likely meant" in said
    assert "nothing reads" not in said


def test_append_checks_it_too(temple: Typed) -> None:
    warned = ("events", "append", "--type", "moderation/warned", "--user", "ada", "--metadata")
    refused = temple(*warned, '{"by": "eve", "points": "many"}')
    assert (refused.code, "metadata.points" in refused.stderr) == (1, True)
    assert temple(*warned, '{"by": "eve", "points": 2}').code == 0
