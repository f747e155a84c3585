"""What /ledger answers from, and where the weekly message goes, as the settings have it."""

from collections.abc import Iterable

from temple_ledger.infrastructure.names.book import NameBook
from temple_ledger.infrastructure.names.name import Names, PersonKind, PersonName
from temple_ledger.infrastructure.sources.discord.backfill import now
from temple_ledger.infrastructure.sources.discord.settings import DiscordSettings
from temple_ledger.infrastructure.sources.discord.slash_answers import SlashAnswers
from temple_ledger.infrastructure.sources.discord.weekly import WeeklyMessage
from temple_ledger.infrastructure.terminal.session import Session
from temple_ledger.projections.registry import catalogue


def slash_answers(session: Session, book: NameBook) -> SlashAnswers:
    """*book* has the names that the listener has seen; a name that it lacks is a mention."""
    sources = session.from_sources
    bots = {user_id: PersonName(actor.name, PersonKind.BOT) for user_id, actor in sources.actors.items()}

    def names(user_ids: Iterable[str]) -> Names:
        return {**book.of(user_ids), **bots}

    return SlashAnswers(names, sources, catalogue(), session.settings.web_url)


def weekly_message(session: Session) -> WeeklyMessage | None:
    """None where no channel is set."""
    channel = session.settings.of(DiscordSettings).discord_weekly_channel
    if channel is None:
        return None
    return WeeklyMessage(session.database, channel, session.from_sources, console=session.settings.web_url, clock=now)
