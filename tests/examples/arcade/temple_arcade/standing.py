"""How each player stands, how many play which game best, and who is to hear of a record.

Version 2: the games that were played, in place of when the last one was; `earlier` has version 1.
"""

from decimal import Decimal
from typing import Annotated

from temple_arcade.events import GamePlayed
from temple_ledger import (
    Array,
    Change,
    ColumnType,
    Condition,
    Index,
    MemberLeft,
    Message,
    Row,
    count_of,
    max_of,
    projection,
    sum_of,
)


class Standing(
    Row,
    table="arcade_standing",
    indexes=[Index("best", where=Condition("games", ">", 0))],
    checks=[Condition("prizes", ">=", 0)],
):
    games: Annotated[int, ColumnType.INTEGER] = 0
    best: int = 0
    best_game: str | None = None
    prizes: Decimal = Decimal(0)
    played: Annotated[list[str], Array] = []  # noqa: RUF012 - never changed in place


standing = projection("arcade_standing", version=2, state=Standing)


@standing.on
def _(player: Standing, event: GamePlayed) -> Standing:
    if not event.ranked:
        return player
    better = event.score > player.best
    return player.replace(
        games=player.games + 1,
        best=event.score if better else player.best,
        best_game=event.game if better else player.best_game,
        prizes=player.prizes + event.prize,
        played=sorted({*player.played, event.game}),
    )


@standing.on
def _(player: Standing, event: MemberLeft) -> Standing:
    return Standing(prizes=player.prizes)


@standing.effect(max_age=None)
def announce_record(change: Change[Standing]) -> Message | None:
    before = 0 if change.before is None else change.before.best
    if change.after.best <= before:
        return None
    return Message("announcements", {"player": change.user_id, "best": change.after.best})


champions = standing.rollup(
    "arcade_champions",
    key=Standing.best_game,
    players=count_of(),
    best=max_of(Standing.best),
    prizes=sum_of(Standing.prizes),
)
