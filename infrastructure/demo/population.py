"""Who is there. One small object per member is all that a history of any length keeps."""

from dataclasses import dataclass
from math import gcd

from temple_ledger.infrastructure.demo.clock import DAY, NEVER, SECOND, Moment
from temple_ledger.infrastructure.demo.randomness import Chance
from temple_ledger.infrastructure.demo.snowflake import DISCORD_EPOCH, snowflake

_TRIES = 8


@dataclass(slots=True, eq=False)
class DemoMember:
    """A Discord account, or a patron without one, or the guild itself: whoever an event can be about."""

    id: str
    last: Moment = NEVER
    """Of their latest event: the next one has to be later, or it would be late without being meant to."""
    present: bool = True
    roles: int = 0
    """One bit for each role of the guild."""
    patreon_id: str = ""
    pledged: bool = False
    tier: int | None = None


class Population:
    """Members in the order of their first join; the first are the staff, who are the hottest and stay."""

    def __init__(self, chance: Chance, *, size: int, start: Moment) -> None:
        self._chance = chance
        self._size = size
        self.staff = [self._account(start) for _ in range(min(size, 40, 3 + size // 500))]
        self.known: list[DemoMember] = []
        self._others = size - len(self.staff)
        self._stride = _stride(self._others)
        self.coming_back: list[DemoMember] = []
        self._patreon_ids = 4_000_000

    @property
    def owner(self) -> DemoMember:
        return self.staff[0]

    def newcomer(self, at: Moment) -> DemoMember:
        known = self.known
        member = self.staff[len(known)] if len(known) < len(self.staff) else self._account(at)
        known.append(member)
        return member

    def is_staff(self, member: DemoMember) -> bool:
        return member in self.staff

    def busy_one(self, at: Moment) -> DemoMember | None:
        """Whom things keep happening to; None if a few tries find nobody present and free by then."""
        for _ in range(_TRIES):
            # Whoever has not arrived yet is stood in for by one who has, another one as the guild grows.
            member = self.known[self._place(self._chance.skewed(self._size)) % len(self.known)]
            if member.present and member.last < at:
                return member
        return None

    def anyone(self, at: Moment) -> DemoMember | None:
        """Any member but the staff, or None as above."""
        staff = len(self.staff)
        if len(self.known) <= staff:
            return None
        for _ in range(_TRIES):
            member = self.known[self._chance.between(staff, len(self.known))]
            if member.present and member.last < at:
                return member
        return None

    def quiet_one(self, at: Moment, days: int) -> DemoMember | None:
        member = self.anyone(at)
        return member if member is not None and member.last + days * DAY < at else None

    def departed_one(self, at: Moment) -> DemoMember | None:
        """One of those who will come back."""
        if not self.coming_back:
            return None
        place = self._chance.between(0, len(self.coming_back))
        member = self.coming_back[place]
        if member.last + SECOND > at:
            return None
        self.coming_back[place] = self.coming_back[-1]
        self.coming_back.pop()
        return member

    def patreon_id(self) -> str:
        self._patreon_ids += self._chance.between(1, 900)
        return str(self._patreon_ids)

    def _place(self, rank: int) -> int:
        """Of the member with that rank of hotness: the staff as they come, the others at any time."""
        staff = len(self.staff)
        return rank if rank < staff else staff + (rank - staff) * self._stride % self._others

    def _account(self, at: Moment) -> DemoMember:
        """Made on some day between Discord's first year and this moment."""
        made = DISCORD_EPOCH + int((at - DISCORD_EPOCH) * self._chance.draw())
        return DemoMember(snowflake(made, self._chance))


def _stride(size: int) -> int:
    """A step of about the golden section that visits every place below *size* before it comes back."""
    stride = max(1, size * 618 // 1000)
    while gcd(stride, size) > 1:
        stride += 1
    return stride
