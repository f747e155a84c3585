"""What happens next: somebody arrives, or something happens to somebody who is there."""

from collections.abc import Callable, Iterator
from functools import partial

from temple_ledger.infrastructure.demo.clock import Moment, moment
from temple_ledger.infrastructure.demo.community import Community
from temple_ledger.infrastructure.demo.event_writer import EventWriter, WrittenEvent
from temple_ledger.infrastructure.demo.guild import DemoGuild
from temple_ledger.infrastructure.demo.joins_and_leaves import Comings
from temple_ledger.infrastructure.demo.memberships import Memberships
from temple_ledger.infrastructure.demo.other_events import Asides
from temple_ledger.infrastructure.demo.population import Population
from temple_ledger.infrastructure.demo.randomness import Chance
from temple_ledger.infrastructure.demo.role_changes import RoleChanges
from temple_ledger.infrastructure.demo.role_directory_events import RENAMED, Directory

Episode = Callable[[Moment], list[WrittenEvent]]
"""What happens to one member from a moment on: in order, within a day, nothing if nobody is fit for it."""

LINES_PER_EPISODE = 1.75
ALL_HAVE_ARRIVED = 0.97
"""Of the history; the last to arrive want some time for something to happen to them."""
CHOICES = 10_000


class Days:
    def __init__(self, chance: Chance, community: Community) -> None:
        self._community = community
        self._chance = chance
        self._start = moment(community.start)
        pen = EventWriter(chance)
        self.guild = guild = DemoGuild(chance, members=community.members, start=self._start)
        self._people = Population(chance, size=community.members, start=self._start)
        self._roles = RoleChanges(chance, pen, guild, self._people)
        self._comings = Comings(chance, pen, self._people, self._roles)
        self._memberships = Memberships(chance, pen, guild, self._people, self._roles)
        self._asides = Asides(chance, pen, self._people, self._roles)
        self._directory = Directory(chance, pen, guild, self._people)
        self._agenda = self._planned(moment(community.end) - self._start)
        self._choices = self._weighed()
        self._next_arrival = 0.0
        """The line from which on the next newcomer is due."""

    def founding(self) -> Iterator[WrittenEvent]:
        return self._directory.founding(self._start)

    def episode(self, at: Moment, *, line: int) -> list[WrittenEvent]:
        """Never nothing. *line* says how much of the history is written."""
        if self._agenda and self._agenda[0][0] <= at:
            return self._agenda.pop(0)[1](at)
        if line >= self._next_arrival:
            return self._arrival(at)
        return self._chance.pick(self._choices)(at) or self._roles.some(at)

    def _arrival(self, at: Moment) -> list[WrittenEvent]:
        entries = self._comings.newcomer(at)
        arrived, members = len(self._people.known), self._community.members
        share = arrived / members * ALL_HAVE_ARRIVED if arrived < members else 1
        self._next_arrival = share * self._community.events
        return entries

    def _planned(self, span: int) -> list[tuple[Moment, Episode]]:
        renaming: list[Episode] = [partial(self._directory.rename, name) for name in RENAMED]
        plan = [*renaming, self._directory.delete_rarest]
        return [
            (Moment(self._start + span * place // (len(plan) + 1)), what) for place, what in enumerate(plan, start=1)
        ]

    def _weighed(self) -> list[Episode]:
        """Each kind as often as its share demands; a drawing from the list costs the same for all of them."""
        episodes = self._community.events / LINES_PER_EPISODE
        a_member = min(0.3, self._community.members / episodes)
        shares: list[tuple[Episode, float]] = [
            (self._comings.leave, 0.36 * a_member),
            (self._comings.rejoin, 0.12 * a_member),
            (self._memberships.begin, 0.17 * a_member),
            (self._memberships.begin_unlinked, 0.03 * a_member),
            (self._memberships.link, 0.015 * a_member),
            (self._memberships.go_on, 0.13),
            (self._memberships.go_on_unlinked, 0.012),
            (self._comings.repeated_join, 0.012),
            (self._asides.marking, 0.06),
            (self._asides.unknown, 0.035),
        ]
        choices = [episode for episode, share in shares for _ in range(max(1, int(share * CHOICES)))]
        return choices + [self._roles.some] * (CHOICES - len(choices))
