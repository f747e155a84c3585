"""How much a run measures."""

from dataclasses import dataclass

EVENTS = 300_000
MEMBERS = 15_000
ROUNDS = 3


@dataclass(frozen=True)
class Sizes:
    """*events* are rows of the log; the file that is imported has five duplicates more for every 95 of them."""

    events: int = EVENTS
    members: int = MEMBERS
    rounds: int = ROUNDS
    library_events: int = 20_000
    connections: int = 8
    append_seconds: float = 6.0
    steady_rates: tuple[int, int] = (200, 1_000)
    steady_seconds: float = 20.0
    idle_seconds: float = 10.0
    lengths: tuple[int, ...] = (100_000, 300_000, 1_000_000)
    largest_members: int = 50_000
    rebuilt_lengths: tuple[int, ...] = (1_000_000, 5_000_000)
    rebuilt_members: int = 50_000
    touched: int = 1_000
    switched_members: int = 1_000_000
    poisoned: int = 100_000
    long_history: int = 3_000_000
    payloads: int = 2_000
    soak_minutes: float = 60.0
    soak_members: int = 250_000
    console_members: int = 250_000
    console_events: int = 1_500_000
    console_pages: int = 200

    @property
    def full(self) -> bool:
        """Whether the figures may be quoted: nothing is smaller than what the targets speak of."""
        return (
            self.events >= EVENTS and self.members >= MEMBERS and self.rounds >= ROUNDS and self.lengths[-1] >= EVENTS
        )


QUICK = Sizes(
    events=20_000,
    members=1_000,
    library_events=1_000,
    append_seconds=1.0,
    steady_seconds=3.0,
    idle_seconds=3.0,
    lengths=(5_000, 10_000, 20_000),
    largest_members=5_000,
    rebuilt_lengths=(20_000, 60_000),
    rebuilt_members=1_000,
    touched=100,
    switched_members=10_000,
    poisoned=2_000,
    long_history=25_000,
    payloads=50,
    soak_minutes=0.5,
    soak_members=2_000,
    console_members=2_000,
    console_events=12_000,
    console_pages=20,
)
"""Every path of every benchmark, in about a minute; its figures say little."""
