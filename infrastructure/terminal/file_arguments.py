"""Files and folders that are named on the command line: what cannot be one is refused before anything is done, by the
name that was given."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from temple_ledger.infrastructure.log.output_file import descriptor_of, require_writable

DASH: Final = "-"


class _Named(click.Path):
    """An empty name, as of a variable that is not set, would be the current directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            self.fail("the name is empty", param, ctx)
        return super().convert(value, param, ctx)


class FileToRead(_Named):
    """One that is there. *stdin*: or - for what is piped in, which stays a text."""

    def __init__(self, *, stdin: bool = False) -> None:
        super().__init__(exists=True, dir_okay=False, allow_dash=stdin, path_type=None if stdin else Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name = super().convert(value, param, ctx)
        if sys.stdin is None and str(name) != DASH and descriptor_of(Path(name)) == 0:
            # what is open in its place is empty, and would be read as a file of nothing
            self.fail("stdin is closed", param, ctx)
        return name


class FileToWrite(_Named):
    """Raises OSError for one that could not be written. *stdout*: or -. *with_folders*: its folders are made."""

    def __init__(self, *, stdout: bool = False, with_folders: bool = False) -> None:
        super().__init__(dir_okay=False, writable=False, allow_dash=stdout, path_type=Path)
        self._with_folders = with_folders

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = super().convert(value, param, ctx)
        if str(path) == DASH:
            if not self.allow_dash:
                self.fail("- is no file here; a file of that name: ./-", param, ctx)
        elif not self._with_folders:
            require_writable(path)
        return path


class Folder(_Named):
    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)
