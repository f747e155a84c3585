"""Folders of the state directory."""

from pathlib import Path


def private_folder(home: Path, name: str) -> Path:
    """*home* and its folder *name*, made where they are missing, closed to others. Raises OSError."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = home / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
