"""Which version of Temple Ledger this is."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version

DISTRIBUTION = "temple-ledger"


def version() -> str:
    """That of the installed distribution; `unknown` when it runs from files that were never installed."""
    try:
        return installed_version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"
