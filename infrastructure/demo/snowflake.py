"""Discord's ids: milliseconds since 2015 above 22 bits that keep the ids of one millisecond apart."""

from temple_ledger.infrastructure.demo.clock import Moment
from temple_ledger.infrastructure.demo.randomness import Chance

DISCORD_EPOCH = Moment(1_420_070_400_000_000)


def snowflake(at: int, chance: Chance) -> str:
    """The id of what came into being at that moment, as a string: it does not fit a double."""
    return str(((at - DISCORD_EPOCH) // 1000 << 22) | chance.bits(22))
