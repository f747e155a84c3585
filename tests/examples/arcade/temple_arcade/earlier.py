"""The standing as it was in version 1, until nobody reads it any more: `temple projection switch arcade_standing`."""

from datetime import datetime
from decimal import Decimal

from temple_arcade.events import GamePlayed
from temple_ledger import Change, MemberLeft, Message, Row, count_of, max_of, projection, sum_of


class Standing(Row, table="arcade_standing"):
    games: int = 0
    best: int = 0
    best_game: str | None = None
    prizes: Decimal = Decimal(0)
    last_played_at: datetime | None = None


standing = projection("arcade_standing", version=1, state=Standing)


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
        last_played_at=event.ended_at or event.occurred_at,
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
