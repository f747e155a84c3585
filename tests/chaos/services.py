"""The processes that serve a ledger, each started again when it ends, as a service manager does."""

import random
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.chaos.processes import KILLED, Child, Death, pause
from tests.chaos.site import Site

RUNNERS: Final = ("runner one", "runner two")
VERSIONS: Final = "runner of versions"
RECEIVER: Final = "receiver"
SEALER: Final = "sealer"
LISTENER: Final = "listener"
AGAIN_SECONDS: Final = 0.2
EXCHANGES: Final = 300


@dataclass(frozen=True)
class Service:
    arguments: tuple[str, ...]
    login: str
    wired: bool = False
    packages: bool = False


SERVICES: Final[Mapping[str, Service]] = {
    # of a projection that is split both may have some lanes; the others are one's alone
    RUNNERS[0]: Service(("run", "--lanes", "0-11"), "temple_run_service"),
    RUNNERS[1]: Service(("run", "--lanes", "4-15"), "temple_run_service", wired=True),
    VERSIONS: Service(("run", "standing"), "temple_run_service", packages=True),
    RECEIVER: Service(("receive",), "temple_receive_service", wired=True),
    SEALER: Service(("seal", "run"), "temple_seal_service"),
    LISTENER: Service(("discord", "listen"), "temple_discord_service"),
}


SHARED_LANE: Final = 4
"""Of `members`: both runners may lead it."""


class Services:
    """`ends` counts how they ended by themselves, by name and exit code."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.ends: dict[tuple[str, int], int] = {}
        self._now: dict[str, Child] = {}
        self._deaths: dict[str, Death] = {}
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._keep, args=(name,), daemon=True) for name in SERVICES]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Kills what is left of them."""
        self._ended.set()
        for thread in self._threads:
            with suppress(RuntimeError):  # it was never started
                thread.join(30)
        for child in list(self._now.values()):
            child.kill()

    def now(self, name: str) -> Child:
        """The one at work; waits while there is none."""
        while (child := self._now.get(name)) is None or child.ended() is not None:
            if self._ended.is_set():
                raise RuntimeError(f"{name} is not started any more")
            pause()
        return child

    def next_dies(self, name: str, dice: random.Random) -> None:
        """The one that is started next, at a certain exchange with the database."""
        self._deaths[name] = Death(dice.randint(1, EXCHANGES), dice.choice(["before", "after"]))

    def _keep(self, name: str) -> None:
        service = SERVICES[name]
        while not self._ended.is_set():
            child = self.site.temple(
                *service.arguments,
                login=service.login,
                through=self.site.wire if service.wired else None,
                packages=service.packages,
                death=self._deaths.pop(name, None),
            )
            self._now[name] = child
            while child.ended() is None and not self._ended.is_set():
                pause()
            if child.exit_code is not None and child.exit_code != KILLED:
                self.ends[name, child.exit_code] = self.ends.get((name, child.exit_code), 0) + 1
                self._ended.wait(AGAIN_SECONDS)
