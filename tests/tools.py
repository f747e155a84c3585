"""Programs that some tests need beside the project: elsewhere they may be missing, in CI they may not."""

import os
import shutil

import pytest


def needs(program: str) -> pytest.MarkDecorator:
    """Skips where *program* is not on the PATH; with CI=true the test runs all the same, and fails."""
    missing = shutil.which(program) is None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(missing, reason=f"there is no {program} here")
