"""Files of ours in the state directory that may name a person: lines of imports that were refused.

Nothing else there has ids of persons in it, but the database, which has its own way, and the file of nicknames, which
the operator writes.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

REJECTS: Final = "rejects"


def erase_from_files(home: Path, words: Sequence[str]) -> int:
    """Empties the lines that name one of *words*, and leaves the others as they are; how many there were.

    In place, each line as long as before: an import that is still writing goes on. Raises OSError.
    """
    named = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + r")(?!\w)")
    folder = home / REJECTS
    files = sorted(each for each in folder.glob("*.jsonl") if each.is_file()) if folder.is_dir() else []
    return sum(_emptied(file, named) for file in files)


def _emptied(file: Path, named: re.Pattern[str]) -> int:
    emptied = place = 0
    with file.open("rb") as lines, file.open("r+b", buffering=0) as written:
        for line in lines:
            whole = line.rstrip(b"\n")
            if _names(whole, named):
                written.seek(place)
                written.write(_empty(whole))
                emptied += 1
            place += len(line)
    return emptied


def _names(line: bytes, named: re.Pattern[str]) -> bool:
    """As it is, and as it reads: JSON may have written an id with escapes."""
    if named.search(line.decode(errors="replace")):
        return True
    try:
        found = json.loads(line)
    except ValueError:
        return False
    return isinstance(found, dict) and any(named.search(str(value)) for value in found.values())


def _empty(line: bytes) -> bytes:
    try:
        number = json.loads(line)["line"]
    except (ValueError, TypeError, KeyError):
        number = None
    emptied = json.dumps({"line": number, "reason": "erased", "text": ""}).encode()
    return emptied.ljust(len(line)) if len(emptied) <= len(line) else b" " * len(line)
