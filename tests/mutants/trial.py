"""A copy of the checkout, in which one line is changed and one test is run."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.mutants import ROOT, Mutant

LEFT_OUT: Final = (".git", ".venv", "build", "*.egg-info", "__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis")
SECONDS: Final = 600
FAILED: Final = 1
"""What pytest ends with where tests failed: any other end says nothing of the mutant."""


@dataclass(frozen=True)
class Ended:
    code: int
    output: str

    @property
    def killed(self) -> bool:
        return self.code == FAILED


@dataclass(frozen=True)
class Trial:
    folder: Path

    def run(self, mutant: Mutant) -> Ended:
        """The mutant's killer, in the copy with that one line changed. The copy is then as before."""
        file = self.folder / mutant.file
        before = file.read_text()
        file.write_text(mutant.applied(before))
        try:
            return self.tested(mutant.killer)
        finally:
            file.write_text(before)

    def tested(self, *tests: str) -> Ended:
        # the copy is found before the checkout that is installed
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(self.folder / "src"), str(self.folder)])}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Ended(done.returncode, done.stdout)


@contextmanager
def trial() -> Iterator[Trial]:
    """Gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="temple-mutants-") as place:
        folder = Path(place) / "checkout"
        shutil.copytree(ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
        yield Trial(folder)
