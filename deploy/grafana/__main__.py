"""python -m deploy.grafana: writes the dashboards beside this file."""

from pathlib import Path

from deploy.grafana.board import text_of
from deploy.grafana.boards import BOARDS

FOLDER = Path(__file__).parent / "dashboards"

if __name__ == "__main__":
    for board in BOARDS:
        (FOLDER / f"{board.uid}.json").write_text(text_of(board), encoding="utf-8")
