"""The packages that an archive and an engine need and that a plain installation has not."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Final

from temple_ledger.domain.errors import ExtraMissing

PACKAGES: Final[Mapping[str, Sequence[str]]] = {
    "archive": ("pyarrow", "adbc_driver_postgresql", "fsspec"),
    "ray": ("ray",),
}


def require_extra(extra: str) -> None:
    """Raises ExtraMissing."""
    if any(find_spec(package) is None for package in PACKAGES[extra]):
        raise ExtraMissing(extra)
