"""One storm from the beginning to the end."""

import shutil
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.chaos.aftermath import Found, aftermath, calm
from tests.chaos.faults import FAULTS, impossible
from tests.chaos.plan import KINDS
from tests.chaos.report import Report
from tests.chaos.site import Site, open_site
from tests.chaos.storm import Storm, at_work, rage, storm_on
from tests.discord.world import new_guild
from tests.fakes.fake_discord import FakeDiscord

LONG_SECONDS: Final = 600
UNSEEN: Final = "its effect was not seen"


def run(seed: int, seconds: float, kinds: frozenset[str], *, keep: Path | None, say: Callable[[str], None]) -> Report:
    """*keep*: a folder for what the processes printed, which is gone with the site otherwise."""
    say(f"seed {seed}: making a ledger")
    guild = new_guild(7, ["Oracle", "Seeker"], now=datetime.now(UTC))
    with open_site() as site, FakeDiscord(guild) as fake:
        say(f"it lies in {site.folder}")
        site.discord |= {
            "TEMPLE_DISCORD_TOKEN": "a-token",
            "TEMPLE_DISCORD_API_URL": fake.api_url,
            "TEMPLE_DISCORD_GATEWAY_URL": fake.gateway_url,
        }
        storm, found = storm_on(site, fake, seed, say), Found()
        reasons = {kind: reason for kind, reason in impossible(site.server).items() if kind in kinds}
        started = time.monotonic()
        try:
            _rage(storm, seed, seconds, kinds - reasons.keys(), say)
            raged = time.monotonic() - started
            say(f"{raged:.0f} s: the faults are over")
            aftermath(storm, found, long_form=seconds >= LONG_SECONDS)
        finally:
            storm.services.close()
            if keep is not None:
                _copy(site, keep)
        absent = reasons | {kind: UNSEEN for kind in kinds - reasons.keys() if not storm.seen[kind]}
        met = sorted({state for each in storm.appenders for state in each.met})
        return Report(
            seed, raged, storm.seen, Counter(storm.missed), absent, storm.broken, met, found, order=list(KINDS)
        )


def _rage(storm: Storm, seed: int, seconds: float, kinds: frozenset[str], say: Callable[[str], None]) -> None:
    storm.services.begin()
    with at_work(storm):
        say(f"raging for {seconds:.0f} s")
        rage(storm, seed, seconds, {kind: fault for kind, fault in FAULTS.items() if kind in kinds})
        calm(storm)


def _copy(site: Site, keep: Path) -> None:
    shutil.copytree(site.folder / "output", keep)
    shutil.copy(site.folder / "server.log", keep)
