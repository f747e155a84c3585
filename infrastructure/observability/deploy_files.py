"""Writes what is put beside the ledger: rules, dashboards, units, runbooks."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.log.output_file import replaced

PLACEHOLDER: Final = "https://ledger.example.org"
"""In every link to a runbook; the name in it is that of the proxy's server."""

CONSOLE_PLACEHOLDER: Final = "https://console.example.org"
"""In every link to the console; the same holds for the name."""

LEFT_OUT: Final = ("__pycache__", ".py", ".pyc")
EXECUTABLE: Final = ".sh"


def packed(folder: Traversable | None = None, path: str = "") -> Iterator[tuple[str, bytes]]:
    """Each file with its path below deploy/."""
    for entry in sorted((folder or files("temple_ledger.deploy")).iterdir(), key=lambda each: each.name):
        if entry.name.endswith(LEFT_OUT):
            continue
        if entry.is_dir():
            yield from packed(entry, f"{path}{entry.name}/")
        else:
            yield f"{path}{entry.name}", entry.read_bytes()


def export(
    directory: Path, *, url: str | None = None, console: str | None = None, overwrite: bool = False
) -> Sequence[Path]:
    """The files that were written, with these addresses of the runbooks and of the console.

    Raises Refused when one is there with another content, before any is written.
    """
    wanted = {
        directory / path: _addressed(_addressed(content, PLACEHOLDER, url), CONSOLE_PLACEHOLDER, console)
        for path, content in packed()
    }
    for path in wanted:
        if path.exists() and not path.is_file():
            raise Refused(f"{path} is there and is no regular file; nothing was written")
    differing = [path for path, content in wanted.items() if path.exists() and path.read_bytes() != content]
    if differing and not overwrite:
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        raise Refused(f"{differing[0]}{more} is there with another content; add --overwrite to lose what it says")
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path, mode=0o755 if path.suffix == EXECUTABLE else 0o644) as file:
            file.write(content)
    return list(wanted)


def _addressed(content: bytes, placeholder: str, url: str | None) -> bytes:
    if url is None:
        return content
    host = url.partition("://")[2].partition("/")[0]
    address = content.replace(placeholder.encode(), url.rstrip("/").encode())
    return address.replace(placeholder.removeprefix("https://").encode(), host.encode())
