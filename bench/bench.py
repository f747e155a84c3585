"""What a benchmark is given."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.site import Site
from bench.sizes import Sizes


@dataclass(frozen=True)
class Bench:
    site: Site
    sizes: Sizes
    say: Callable[[str], None]
