"""python -m temple_ledger.deploy.grafana: writes the dashboards beside this file."""

from pathlib import Path

from temple_ledger.deploy.grafana.board import text_of
from temple_ledger.deploy.grafana.boards import BOARDS

FOLDER = Path(__file__).parent / "dashboards"

if __name__ == "__main__":
    for board in BOARDS:
        (FOLDER / f"{board.uid}.json").write_text(text_of(board), encoding="utf-8")
