"""For any history, with loss, repeats, disorder and new sessions: after a snapshot the ledger is the true state, every
change that left a trace is there once, and none that never was.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from itertools import count, pairwise
from typing import Any, Final

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.ingestion.inbox.delivery import InboxDelivery
from temple_ledger.infrastructure.ingestion.inbox.translator import Translation
from temple_ledger.infrastructure.sources.discord.translator import DiscordTranslator
from tests.discord.world import World, counted, emptied, new_guild
from tests.fakes.discord_guild import Dispatch, TrueGuild
from tests.thorough import examples

EXAMPLES: Final = examples(20)
ROLES: Final = ("plain", "doubtful", "managed", "doomed")
STEPS: Final = (
    *("give", "take", "give", "take", "swap") * 2,
    *("join", "leave", "kick", "ban", "ban a stranger", "joins again"),
    *("guest", "guest", "join is sent again days later"),
    *("managed", "managed", "nick", "without effect", "delete role", "rename role"),
    *("cut", "cut", "open", "open", "resume", "drop", "late", "step", "drain", "wait", "snapshot"),
)
BEFORE: Final = st.lists(st.sets(st.integers(0, 3)), max_size=3)
"""Roles of those who were members before anybody listened."""

HISTORY: Final = st.lists(
    st.tuples(st.sampled_from(STEPS), st.integers(0, 2), st.integers(0, 7), st.integers(0, 3)), max_size=40
)
NUMBERS: Final = count(1)


class Story:
    """Does what was drawn, and keeps account of what must be found."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.guild: TrueGuild = world.guild
        self.plain, self.doubtful, self.managed, self.doomed = world.guild.roles
        self.guild_roles = list(world.guild.roles)
        self.users = [world.guild.draw() for _ in range(3)]
        self.holds: dict[str, dict[int, list[bool]]] = defaultdict(lambda: defaultdict(lambda: [False]))
        self.seen_stays: set[int] = set()
        self.gappy_stays: set[int] = set()
        self.heard: Counter[str] = Counter()
        self.doubted = False
        self.unnoticed: set[str] = set()
        """Who left without a frame that came."""

    def begin(self, before: list[set[int]]) -> None:
        for user_id, roles in zip(self.users, before, strict=False):
            self.guild.join(user_id)
            held = [self.guild_roles[number] for number in roles]
            for logged in (True, False):
                some = [role for role in held if (role != self.managed) is logged]
                self.guild.change_roles(user_id, add=some, logged=logged)
        self.guild.wait(60)
        self.world.line.open()
        self._catch_up(0, 0)

    def tell(self, drawn: list[tuple[str, int, int, int]]) -> None:
        for name, user, number, more in drawn:
            self.guild.wait(0.2 + number)
            getattr(self, f"do_{name.replace(' ', '_')}")(self.users[user], number, more)

    def end(self) -> None:
        self.guild.wait(400)
        if self.world.line.away:
            self.world.line.open()
            self.world.line.hand_over_late(backwards=False)
        self.guild.wait(400)
        self._catch_up(0, 0)

    def send(self, dispatches: list[Dispatch], more: int) -> None:
        arrived = self.world.line.send(dispatches, entries=("after", "before", "late", "after")[more])
        for each in dispatches:
            if each.about is None and each.kind != "GUILD_BAN_ADD":
                continue
            user_id = each.about or each.data["user"]["id"]
            if arrived or (each.kind == "GUILD_BAN_ADD" and not self.world.line.away):
                self.heard[user_id] += 1
                self.sight(user_id)
                continue
            if not self.guild.is_member(user_id):
                self.unnoticed.add(user_id)
            if not self.world.line.away:
                self.gappy_stays.add(max(past.stay for past in self.guild.history if past.user_id == user_id))

    def sight(self, user_id: str) -> None:
        if user_id in self.guild.members:
            member = self.guild.members[user_id]
            self.seen_stays.add(member.stay)
            self.holds[user_id][member.stay].append(self.managed in member.roles)

    def do_join(self, user_id: str, number: int, more: int) -> None:
        self.guild.wait(3)
        if not self.guild.is_member(user_id):
            self.send(self.guild.join(user_id), more)

    def do_joins_again(self, user_id: str, number: int, more: int) -> None:
        if self.guild.is_member(user_id):
            self.send(self.guild.joins_again_they_say(user_id), more)

    def do_join_is_sent_again_days_later(self, user_id: str, number: int, more: int) -> None:
        """To a ledger that is up to date: only then are the roles of the frame all those of before."""
        if self.guild.is_member(user_id) and self.guild.members[user_id].roles and not self.world.line.away:
            self.do_snapshot(user_id, 0, more)
            self.send(self.guild.joins_again_they_say(user_id, later=timedelta(days=2)), more)

    def do_guest(self, user_id: str, number: int, more: int) -> None:
        """Whoever is no member may come as a guest; of one who was heard of, the end is sent too."""
        if self.guild.is_member(user_id) or self.world.line.away:
            return
        if self.world.line.send(self.guild.guest_is_there(user_id, arrives=more % 2 == 1)) and number % 2:
            self.world.line.send(self.guild.guest_is_gone(user_id))

    def do_leave(self, user_id: str, number: int, more: int) -> None:
        if self._may_leave(user_id):
            self.send(self.guild.leave(user_id), more)

    def do_kick(self, user_id: str, number: int, more: int) -> None:
        if self._may_leave(user_id):
            self.send(self.guild.kick(user_id), more)

    def do_ban(self, user_id: str, number: int, more: int) -> None:
        if self._may_leave(user_id):
            self.send(self.guild.ban(user_id, ban_first=number % 2 == 0), more)

    def do_ban_a_stranger(self, user_id: str, number: int, more: int) -> None:
        if not self.guild.is_member(user_id):
            self.send(self.guild.ban(user_id), more)

    def do_give(self, user_id: str, number: int, more: int) -> None:
        if self.guild.is_member(user_id):
            self.send(self.guild.change_roles(user_id, add=[self._role(number)]), more)

    def do_take(self, user_id: str, number: int, more: int) -> None:
        if self.guild.is_member(user_id):
            self.send(self.guild.change_roles(user_id, remove=[self._role(number)]), more)

    def do_swap(self, user_id: str, number: int, more: int) -> None:
        if self.guild.is_member(user_id):
            held = self.guild.members[user_id].roles - {self.managed}
            new = {self.plain, self.doubtful, self.doomed} - held
            self.send(self.guild.change_roles(user_id, add=new, remove=held), more)

    def do_managed(self, user_id: str, number: int, more: int) -> None:
        if self.guild.is_member(user_id):
            held = self.managed in self.guild.members[user_id].roles
            change = {"remove": [self.managed]} if held else {"add": [self.managed]}
            self.send(self.guild.change_roles(user_id, **change, logged=False), more)

    def do_nick(self, user_id: str, number: int, more: int) -> None:
        if self.guild.is_member(user_id):
            self.send(self.guild.rename(user_id, f"nick {number}"), more)

    def do_without_effect(self, user_id: str, number: int, more: int) -> None:
        ada = self.users[0]
        if self.guild.is_member(ada) and not self.doubted:
            self.doubted = True
            add = self.doubtful not in self.guild.members[ada].roles
            self.send(self.guild.log_without_effect(ada, self.doubtful, add=add), more)

    def do_delete_role(self, user_id: str, number: int, more: int) -> None:
        if self.doomed in self.guild.roles:
            self.send(self.guild.delete_role(self.doomed), more)

    def do_rename_role(self, user_id: str, number: int, more: int) -> None:
        self.send(self.guild.rename_role(self.plain, f"plain {number}"), more)

    def do_cut(self, user_id: str, number: int, more: int) -> None:
        self.world.line.cut()

    def do_open(self, user_id: str, number: int, more: int) -> None:
        self.guild.wait(3)
        self.world.line.cut()
        self.world.line.open()
        self._catch_up(number, more)

    def do_resume(self, user_id: str, number: int, more: int) -> None:
        self.world.line.resume(number)

    def do_drop(self, user_id: str, number: int, more: int) -> None:
        self.world.line.drops += 1

    def do_late(self, user_id: str, number: int, more: int) -> None:
        self.world.line.hand_over_late(backwards=more == 0)

    def do_step(self, user_id: str, number: int, more: int) -> None:
        self.world.step()

    def do_drain(self, user_id: str, number: int, more: int) -> None:
        self.world.drain()

    def do_wait(self, user_id: str, number: int, more: int) -> None:
        """Entries that are still on their way may come after it, as after a RESUME."""
        if number < 4:
            self.world.line.hand_over_late(backwards=False)
        self.guild.wait(20 * 4**more)

    def do_snapshot(self, user_id: str, number: int, more: int) -> None:
        if not self.world.line.away:
            self.world.line.hand_over_late(backwards=False)
            self._catch_up(number, more)

    def _catch_up(self, number: int, more: int) -> None:
        heard = self.heard.copy()

        def meanwhile() -> None:
            members = {user_id: self.managed in member.roles for user_id, member in self.guild.members.items()}
            stays = {user_id: member.stay for user_id, member in self.guild.members.items()}
            if number > 4:
                self.guild.wait(1)
                self.do_swap(self.users[more % 3], number, more)
            for user_id, holds in members.items():
                if self.heard[user_id] == heard[user_id]:
                    self.seen_stays.add(stays[user_id])
                    self.holds[user_id][stays[user_id]].append(holds)

        self.world.catch_up(meanwhile)

    def _may_leave(self, user_id: str) -> bool:
        """Of somebody with an entry without effect, what was before a leave that nobody saw cannot be told."""
        return self.guild.is_member(user_id) and not (self.doubted and user_id == self.users[0])

    def _role(self, number: int) -> str:
        return (self.plain, self.doubtful, self.doomed)[number % 3]


def demanded(story: Story) -> Counter[Any]:
    """Changes that left a frame, an entry, or a difference between two sights."""
    ended = {each.stay for each in story.guild.history if each.kind == "leave"}
    found: Counter[Any] = Counter()
    for each in story.guild.history:
        whole = each.stay in story.seen_stays and not (each.stay in story.gappy_stays and each.stay in ended)
        if each.kind in ("join", "leave"):
            found[each.user_id, each.kind, ""] += each.stay in story.seen_stays
        elif each.role != story.managed:
            found[each.user_id, each.kind, each.role] += whole
    for user_id, stays in story.holds.items():
        for sights in stays.values():
            for before, after in pairwise(sights):
                if before != after:
                    found[user_id, "add" if after else "remove", story.managed] += 1
    return found


def holds_true(story: Story) -> None:
    world, guild = story.world, story.guild
    for user_id in story.users:
        member = world.folded(user_id)
        if user_id in guild.members:
            assert member.status == "active"
            assert set(member.roles) == guild.members[user_id].roles
        else:
            assert member.status == "departed"
            assert not member.roles
    told, true = counted(world.told()), counted(guild.history)
    # a role that was deleted seems to end for somebody who had left unnoticed
    seeming = Counter((user_id, "remove", story.doomed) for user_id in story.unnoticed)
    assert not told - true - seeming, "told what never was"
    assert not demanded(story) - told, "did not tell what left a trace"
    for each in world.events():
        actor = each.metadata.get("granted_by") or each.metadata.get("by")
        assert actor in (None, guild.moderator)
        assert not (actor and each.role == story.managed), "nobody made that change"


def test_the_ledger_is_the_true_state_and_tells_each_change_once(database: Database) -> None:
    with database.connect(DatabaseRole.TRANSLATE) as connection:

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(BEFORE, HISTORY)
        def holds(before: list[set[int]], drawn: list[tuple[str, int, int, int]]) -> None:
            emptied(database)
            world = World(database, connection, new_guild(next(NUMBERS), ROLES))
            try:
                story = Story(world)
                story.begin(before)
                story.tell(drawn)
                story.end()
                holds_true(story)
            finally:
                world.close()

        holds()


def left_by(connection: psycopg.Connection[Any], work: Callable[[DiscordTranslator], list[Translation]]) -> list[Any]:
    """What *work* returns, and what is in the translator's tables after it; nothing of it stays."""
    with connection.transaction(force_rollback=True):
        found = work(DiscordTranslator())
        tables = ("discord_member", "discord_attribution", "discord_change", "discord_role", "discord_feed")
        left = [connection.execute(f"select * from {table}".encode()).fetchall() for table in tables]
        # which of two rows comes first is no difference
        return [found, *(sorted(rows, key=repr) for rows in left)]


def test_frames_that_are_translated_together_come_to_the_same_as_one_by_one(database: Database) -> None:
    with database.connect(DatabaseRole.TRANSLATE) as connection:

        @settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck))
        @given(BEFORE, HISTORY, st.integers(1, 30))
        def holds(before: list[set[int]], drawn: list[tuple[str, int, int, int]], size: int) -> None:
            emptied(database)
            world = World(database, connection, new_guild(next(NUMBERS), ROLES))
            try:
                story = Story(world)
                story.begin(before)
                story.tell(drawn)
                story.end()
            finally:
                world.close()
            frames = [
                InboxDelivery("discord", kind, body, digest, received_at, origin, details, id=number)
                for number, kind, body, digest, received_at, origin, details in connection.execute(
                    "select id, kind, body, digest, received_at, origin, details from inbox order by id"
                )
            ]
            emptied(database)
            alone = left_by(connection, lambda each: [each.translate(connection, frame) for frame in frames])
            together = left_by(
                connection,
                lambda each: [
                    translation
                    for start in range(0, len(frames), size)
                    for translation in each.translate_many(connection, frames[start : start + size])
                ],
            )
            assert together == alone

        holds()
