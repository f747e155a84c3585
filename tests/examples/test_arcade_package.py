"""A package outside the repository, installed from a wheel: what an author has, and nothing of ours behind it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from temple_ledger import LedgerScenario, joined
from temple_ledger.infrastructure.database.connection import Database
from tests.examples.installing import install_wheel

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).with_name("arcade")
MATCH = "6f1d7a58-3f0c-4c35-8f3e-1f8f4d1f7a10"
EVERYTHING = {
    "game": "chess",
    "match": MATCH,
    "score": 7,
    "ranked": True,
    "rating": 0.1,
    "prize": "12.50",
    "day": "2026-03-01",
    "opened": "18:30:00",
    "ended_at": "2026-03-01T19:00:00Z",
    "lasted": "PT30M",
    "mode": "team",
    "seat": {"table": 3, "colour": "white"},
    "tags": ["blitz", "final"],
    "rounds": [1, 2, 4],
    "bonus": {"speed": "0.25"},
}
READS_BACK = """
import json, sys
from temple_arcade.events import GamePlayed
from temple_arcade.standing import Standing, standing
from temple_ledger import Specification, at, stored_row

columns = {"user_id": "ada", "occurred_at": at(1), "source": "arcade"}
given = GamePlayed.model_validate({**columns, **json.loads(sys.argv[1])})
seen = []
standing.steps[GamePlayed] = lambda player, event: seen.append(event) or player
Specification(standing).given(given).then_row("ada", Standing())
assert seen[0].model_copy(update={"position": None}) == given, seen[0]
seen.clear()
old = stored_row("arcade/finished", "ada", at(1), target="chess", match=str(given.match), points="9")
Specification(standing).given(old).then_row("ada", Standing())
assert (seen[0].score, seen[0].game) == (9, "chess"), seen[0]
"""

Run = Callable[..., str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_wheel(PACKAGE, tmp_path_factory.mktemp("arcade"))


@pytest.fixture
def run(site: Path, database: Database, tmp_path: Path) -> Run:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    own = {"TEMPLE_DATABASE_URL": database.dsn, "TEMPLE_HOME": str(tmp_path / "home"), "TEMPLE_METRICS_PORT": "0"}
    environment = {**kept, **own, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(site)])}

    def ran(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return ran


def temple(run: Run, *arguments: str) -> Any:
    said = run("-m", "temple_ledger.cli", *arguments)
    return json.loads(said)["data"] if "--json" in arguments else said


def results(folder: Path, *lines: dict[str, Any]) -> str:
    file = folder / "results.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(file)


def test_every_field_type_and_every_older_version_reads_back_equal(run: Run) -> None:
    run("-c", READS_BACK, json.dumps(EVERYTHING))


def test_it_is_filled_followed_replayed_and_verified_on_a_ledger_in_use(
    run: Run, database: Database, tmp_path: Path
) -> None:
    before = LedgerScenario(database)
    before.given(joined("ada"))
    before.catch_up()
    made = temple(run, "db", "migrate")
    assert "made table arcade_standing" in made
    assert "made table arcade_standing@2" in made
    assert temple(run, "projection", "show", "arcade_standing", "--json")["state"] == "needs replay"
    temple(run, "replay", "arcade_standing@1", "--apply", "--reason", "new")
    temple(run, "replay", "arcade_standing@2", "--apply", "--reason", "beside")
    played = {"occurred_at": "2026-03-01T18:30:00Z", **EVERYTHING}
    assert json.loads(run("-m", "temple_arcade.board")) == {}
    file = results(
        tmp_path,
        {"user_id": "ada", **played},
        {"user_id": "bob", **played, "score": 9},
        {"user_id": "ada", **played, "match": MATCH.replace("6", "7"), "score": 8, "game": "go"},
    )
    assert run("-m", "temple_arcade.adapter", file) == "3 new, the last at position 4\n"
    assert run("-m", "temple_arcade.adapter", file) == "0 new, the last at position 4\n"
    (tmp_path / "temple.toml").write_text('[sinks.announcements]\nkind = "notify"\nchannel = "records"\n')
    temple(run, "run", "--until-caught-up")
    records = [("ada", 7), ("bob", 9), ("ada", 8)]
    with psycopg.connect(database.dsn, autocommit=True) as listening:
        listening.execute("listen records")
        temple(run, "effects", "run", "--until-empty")
        heard = [json.loads(each.payload)["data"] for each in listening.notifies(timeout=60, stop_after=3)]
    assert [(each["player"], each["best"]) for each in heard] == records
    assert json.loads(run("-m", "temple_arcade.board")) == {"ada": 8, "bob": 9}
    (ada,) = temple(run, "projection", "rows", "arcade_standing", "ada", "--json")["arcade_standing"]
    assert (ada["games"], ada["best"], ada["best_game"], ada["prizes"]) == (2, 8, "go", "25.00")
    champions = "select best_game, players, best, prizes from arcade_champions order by 1"
    assert temple(run, "db", "shell", "--", "-Atc", champions).split() == ["chess|1|9|12.50", "go|1|8|25.00"]
    assert "nothing differs" in temple(run, "replay", "arcade_standing@1")
    assert all(each["ok"] for each in temple(run, "verify", "--full", "--json"))

    # the second version, seen by readers, and back
    assert "column arcade_standing.played is new" in temple(
        run, "projection", "compare", "arcade_standing", "--to", "2"
    )
    temple(run, "projection", "switch", "arcade_standing", "--to", "2", "--apply")
    (ada,) = temple(run, "projection", "rows", "arcade_standing", "ada", "--json")["arcade_standing"]
    assert (ada["games"], ada["played"]) == (2, ["chess", "go"])
    more = results(tmp_path, {"user_id": "bob", **played, "match": MATCH.replace("6", "8"), "score": 11, "game": "go"})
    run("-m", "temple_arcade.adapter", more)
    temple(run, "run", "--until-caught-up")
    assert json.loads(run("-m", "temple_arcade.board")) == {"ada": 8, "bob": 11}
    assert temple(run, "db", "shell", "--", "-Atc", champions).split() == ["go|2|11|50.00"]
    temple(run, "projection", "switch", "arcade_standing", "--back", "--apply")
    assert json.loads(run("-m", "temple_arcade.board")) == {"ada": 8, "bob": 11}
    with psycopg.connect(database.dsn, autocommit=True) as listening:
        listening.execute("listen records")
        temple(run, "effects", "run", "--until-empty")
        heard = [json.loads(each.payload)["data"] for each in listening.notifies(timeout=1)]
    # one version raised it, though both have folded the event
    assert [(each["player"], each["best"]) for each in heard] == [("bob", 11)]
    assert all(each["ok"] for each in temple(run, "verify", "--full", "--json"))
    temple(run, "projection", "drop", "arcade_standing@2", "--apply")
    assert temple(run, "db", "shell", "--", "-Atc", "select count(*) from pg_class where relname ~ '@2'").split() == [
        "0"
    ]


def test_it_knows_nothing_but_the_public_name() -> None:
    for file in PACKAGE.rglob("*.py"):
        imported = re.findall(r"^(?:from|import) (\S+)", file.read_text("utf-8"), re.MULTILINE)
        assert [name for name in imported if name.startswith("temple_ledger.")] == []
