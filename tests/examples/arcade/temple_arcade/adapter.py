"""Results of matches, from a file of JSON lines into the log: `python -m temple_arcade.adapter FILE`.

Repeating it adds nothing: the event_id is that of the player in the match.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid5

from temple_arcade.events import GamePlayed
from temple_ledger import Ledger

MATCHES = UUID("0c8b6a50-5b0b-4a0f-9d9e-6e3f3f1a2b7c")


def append_results(ledger: Ledger, lines: Iterable[str]) -> tuple[int, int]:
    """How many were new, and the position of the last."""
    added = position = 0
    for line in lines:
        event = GamePlayed.model_validate({"source": "arcade", **json.loads(line)})
        appended = ledger.append(event, event_id=uuid5(MATCHES, f"{event.match}/{event.user_id}"))
        added, position = added + appended.added, appended.position
    return added, position


def main() -> None:
    with Ledger() as ledger, Path(sys.argv[1]).open() as lines:
        added, position = append_results(ledger, lines)
    sys.stdout.write(f"{added} new, the last at position {position}\n")


if __name__ == "__main__":
    main()
