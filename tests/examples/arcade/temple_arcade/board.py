"""The board in the hall: the best score of every player, held in memory by following the feed of `arcade_standing`.

`python -m temple_arcade.board` writes what is there by now, as JSON.
"""

import json
import sys
from typing import Any

from temple_ledger import Beginning, Change, Complete, Ledger, Reset


def follow(ledger: Ledger, best: dict[str, int], **how: Any) -> None:
    with ledger.changes("arcade_standing", consumer="board", **how) as feed:
        for item in feed:
            match item:
                case Beginning():
                    best.clear()
                case Complete():
                    pass
                case Reset(user_id=player, after=None):
                    best.pop(player, None)
                case Reset(user_id=player, after=standing) | Change(user_id=player, after=standing):
                    # of either version; a player without rows has no standing
                    if standing is not None:
                        best[player] = standing.best


def main() -> None:
    best: dict[str, int] = {}
    with Ledger() as ledger:
        follow(ledger, best, follow=False)
    sys.stdout.write(json.dumps(best) + "\n")


if __name__ == "__main__":
    main()
