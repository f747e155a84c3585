"""The packages that an archive and an engine need and that a plain installation has not."""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Final

from temple_ledger.domain.errors import ExtraMissing

PACKAGES: Final[Mapping[str, Sequence[str]]] = {
    "archive": ("pyarrow", "adbc_driver_postgresql", "fsspec"),
    "ray": ("ray",),
}


def require_extra(extra: str) -> None:
    """Raises ExtraMissing."""
    if any(find_spec(package) is None for package in PACKAGES[extra]):
        raise ExtraMissing(_installing(extra))


def _installing(extra: str) -> str:
    """A checkout has a way of its own, with hashes; elsewhere it is the pip of this environment, and no other one."""
    root = Path(__file__).resolve().parents[2]
    if (root / "requirements" / f"{extra}.txt").is_file():
        return f"{quote(str(root / 'temple'))} extra {extra}"
    return f"{quote(sys.executable)} -m pip install 'temple-ledger[{extra}]'"
