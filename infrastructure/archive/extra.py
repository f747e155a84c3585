"""The packages that an archive needs and that a plain installation has not."""

from importlib.util import find_spec
from typing import Final

from temple_ledger.domain.errors import ExtraMissing

PACKAGES: Final = ("pyarrow", "adbc_driver_postgresql", "fsspec")


def require_archive_extra() -> None:
    """Raises ExtraMissing."""
    if any(find_spec(package) is None for package in PACKAGES):
        raise ExtraMissing("archive")
