"""The roles, tiers and bots of the guild. Roles are ids in the log; only the directory's events name them."""

from dataclasses import dataclass

from temple_ledger.infrastructure.demo.clock import Moment
from temple_ledger.infrastructure.demo.randomness import Chance
from temple_ledger.infrastructure.demo.snowflake import snowflake

PATREON_BOT = "216303189073461248"
MEMBER, STEWARD = 0, 1
FEWEST_ROLES = 20

NAMES = (
    "Member", "Steward", "Initiate", "Seeker", "Acolyte", "Oracle", "Herald", "Scribe", "Keeper", "Lantern",
    "Pilgrim", "Wayfarer", "Archivist", "Cantor", "Warden", "Weaver", "Emissary", "Chronicler", "Novice",
    "Astronomer", "Cartographer", "Alchemist", "Bard", "Falconer", "Gardener", "Mason", "Navigator", "Potter",
    "Ranger", "Sage", "Tinker", "Vigil", "Watcher", "Envoy", "Almoner", "Beacon", "Bellringer", "Brewer",
    "Chandler", "Glassblower", "Harper", "Hermit", "Illuminator", "Keymaster", "Loremaster", "Miller",
    "Painter", "Quartermaster", "Reader", "Sculptor", "Shepherd", "Speaker", "Stargazer", "Storyteller",
    "Torchbearer", "Translator", "Vintner", "Wanderer", "Verger", "Ferryman",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoRole:
    id: str
    name: str
    bit: int


@dataclass(frozen=True, slots=True)
class DemoTier:
    """What is paid for; Patreon's bot hands out the role of the same name."""

    id: str
    name: str
    amount_cents: int
    role: DemoRole


class DemoGuild:
    def __init__(self, chance: Chance, *, members: int, start: Moment) -> None:
        size = min(len(NAMES), FEWEST_ROLES + members // 250)
        self.roles = [DemoRole(snowflake(start, chance), name, 1 << i) for i, name in enumerate(NAMES[:size])]
        tiers = [("9100001", 300), ("9100002", 700), ("9100003", 1500), ("9100004", 5000)]
        self.tiers = [
            DemoTier(number, role.name, cents, role)
            for (number, cents), role in zip(tiers, self.roles[2:6], strict=True)
        ]
        self.bots = [snowflake(start, chance) for _ in range(3)]
        self.handed_out = _by_popularity(self.roles[6:])


def _by_popularity(roles: list[DemoRole]) -> list[DemoRole]:
    """Each role as often as its share of the grants demands: a drawing from this list is Zipf's."""
    return [role for rank, role in enumerate(roles, start=1) for _ in range(max(1, 96 // rank))]
