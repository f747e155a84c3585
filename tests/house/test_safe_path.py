"""A process of ours that starts another one does so without the current folder: a file there may have any name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTS = re.compile(r'(?P<flags>(?:"-\w+", )*)"-m", "temple_ledger')


def test_no_process_of_ours_imports_from_the_current_folder() -> None:
    found = {
        str(file.relative_to(ROOT)): [each["flags"] for each in STARTS.finditer(file.read_text("utf-8"))]
        for file in (ROOT / "infrastructure").rglob("*.py")
    }
    started = {name: flags for name, flags in found.items() if flags}
    assert len(started) > 2
    assert {name for name, flags in started.items() if not all('"-P", ' in each for each in flags)} == set()
