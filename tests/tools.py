"""Programs that some tests need beside the project: elsewhere they may be missing, in CI they may not."""

import os
import shutil

import pytest


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips where one of them is not on the PATH; with CI=true the test runs all the same, and fails."""
    missing = [program for program in programs if shutil.which(program) is None]
    skips = bool(missing) and os.environ.get("CI") != "true"
    return pytest.mark.skipif(skips, reason=f"not here: {', '.join(missing)}")
