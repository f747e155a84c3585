"""What goes wrong with Discord, in one sentence each."""

from temple_ledger.domain.errors import PlatformRefuses, PlatformUnavailable, Refused


class DiscordUnavailable(PlatformUnavailable):
    """Not reached, or failing: to be tried again."""


class DiscordRefuses(PlatformRefuses):
    """Discord answered no: trying again is useless until somebody has changed something there."""


class NotInGuild(DiscordRefuses):
    """The bot is not in the guild: Discord says nothing about it."""


class OtherGuild(Refused):
    def __init__(self, ours: str, other: str) -> None:
        super().__init__(f"this ledger is about guild {ours}, and takes one only: {other} needs a ledger of its own")
