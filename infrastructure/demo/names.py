"""Names for the people of a demo community: each id always has the same one."""

from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from typing import Final

from temple_ledger.infrastructure.demo.community import Community
from temple_ledger.infrastructure.demo.days import Days
from temple_ledger.infrastructure.demo.guild import DemoGuild
from temple_ledger.infrastructure.demo.randomness import Chance

FIRST: Final = (
    "Ada", "Ainor", "Bram", "Cael", "Corin", "Dara", "Edda", "Elio", "Ezra", "Fenna", "Finn", "Galen", "Hanne", "Ines",
    "Ivo", "Jonas", "Joris", "Kaia", "Kofi", "Lena", "Linnea", "Mara", "Marek", "Mirin", "Nadia", "Nils", "Odile",
    "Orla", "Pavel", "Petra", "Quinn", "Rafi", "Roan", "Ruben", "Sanne", "Silas", "Tamsin", "Thea", "Tomas", "Ugo",
    "Vera", "Wanda", "Xenia", "Yara", "Yuri", "Zofia",
)  # fmt: skip
LAST: Final = (
    "Ashby", "Barrow", "Brook", "Castell", "Dusk", "Ember", "Fen", "Frost", "Glade", "Hale", "Heron", "Hollow",
    "Juniper", "Kestrel", "Lark", "Marsh", "Moss", "Northway", "Oakes", "Pike", "Quill", "Reed", "Rowan", "Sable",
    "Thorne", "Umber", "Vale", "Wick", "Wren", "Yarrow",
)  # fmt: skip
BOTS: Final = ("Gatekeeper", "Questmaster", "Harvester")


def person_name(user_id: str) -> str:
    digest = int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest(), "big")
    rest, last = divmod(digest, len(LAST))
    return f"{FIRST[rest % len(FIRST)]} {LAST[last]}"


def demo_guild(community: Community) -> DemoGuild:
    """Its roles, tiers and bots."""
    return Days(Chance(Random(community.seed)), community).guild


def bot_names(community: Community) -> Iterator[tuple[str, str]]:
    """The bots of its guild, by id."""
    return zip(demo_guild(community).bots, BOTS, strict=True)
