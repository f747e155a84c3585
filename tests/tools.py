"""Programs that some tests need beside the project: elsewhere they may be missing, in CI they may not."""

import os
import shutil
from collections.abc import Mapping
from typing import Final

import pytest

PACKAGES: Final[Mapping[str, str]] = {
    "amtool": "prometheus-alertmanager",
    "chromium": "chromium",
    "curl": "curl",
    "jq": "jq",
    "nginx": "nginx-light",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-pushgateway": "prometheus-pushgateway",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
}
"""What Debian calls the package that brings the program."""


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips where one of them is not on the PATH; with CI=true the test fails instead."""
    return pytest.mark.needs(*programs)


def require(*programs: str) -> None:
    """As `needs`, inside a fixture or a test."""
    reason = missing(*programs)
    if reason is None:
        return
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def missing(*programs: str) -> str | None:
    """Which of them are not here and how to get them, in one line; None when all of them are."""
    absent = [program for program in programs if shutil.which(program) is None]
    if not absent:
        return None
    packages = sorted({PACKAGES[program] for program in absent})
    return f"not installed: {', '.join(absent)}; on Debian: apt install {' '.join(packages)}"


def in_ci() -> bool:
    return os.environ.get("CI") == "true"
