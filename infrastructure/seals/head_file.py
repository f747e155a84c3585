"""Heads in a file outside the database: what is missing at the end of the chain, or was made anew, shows here."""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from temple_ledger.domain.errors import UnreadableFile
from temple_ledger.domain.instant import format_instant, parse_instant
from temple_ledger.domain.position import Position
from temple_ledger.infrastructure.log.output_file import PRIVATE, through
from temple_ledger.infrastructure.seals.head import Head

FOLDER: Final = "seals"
NAME: Final = "heads.jsonl"
EVERY_SECONDS: Final = 60.0
"""A line at most so often; the last one before the sealer ends comes at once."""


def head_line(head: Head) -> str:
    return json.dumps(
        {
            "seal": head.seal,
            "position": head.position,
            "hash": head.hash,
            "sealed_at": format_instant(head.sealed_at),
        }
    )


class HeadFile:
    """Lines are appended and nothing else, so that the file may be one that can only grow."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: Head | None = None

    def append(self, head: Head) -> bool:
        """False for one that is too close to the one before. Raises OSError."""
        before = self._written
        if before is not None and (head.sealed_at - before.sealed_at).total_seconds() < EVERY_SECONDS:
            return False
        self.append_now(head)
        return True

    def append_now(self, head: Head) -> None:
        """Raises OSError."""
        if head == self._written:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        behind = "\n" if _is_cut_off(self.path) else ""
        with closing(through(self.path, append=True, mode=PRIVATE)) as file:
            file.write(f"{behind}{head_line(head)}\n")
        self._written = head


def read_heads(path: Path) -> Sequence[Head]:
    """Raises OSError, and UnreadableFile for a line that is none; one that was cut off, as where the disk was full, is
    passed over."""
    heads = []
    for number, line in enumerate(path.read_text("utf-8", errors="replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            heads.append(_head_of(line))
        except (ValueError, TypeError, KeyError) as error:
            if _ends_early(line, error):
                continue
            raise UnreadableFile(
                f"{path}, line {number}: no head of the chain; each line is what `temple seal head` prints"
            ) from None
    return heads


def _ends_early(line: str, error: Exception) -> bool:
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.pos >= len(line.rstrip()) or error.msg.startswith("Unterminated string")


def _is_cut_off(path: Path) -> bool:
    """Whether what was written last ends within a line."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _head_of(line: str) -> Head:
    found = json.loads(line)
    found = found.get("data", found)
    sealed_at: datetime = parse_instant(found["sealed_at"])
    return Head(int(found["seal"]), Position(int(found["position"])), bytes.fromhex(found["hash"]).hex(), sealed_at)
