"""Templates to HTML: whatever data carries is text."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from temple_ledger.domain.instant import format_instant
from temple_ledger.domain.words import plural, span
from temple_ledger.infrastructure.names.name import Names
from temple_ledger.infrastructure.names.segment import in_segment
from temple_ledger.infrastructure.observability.escaping import printable
from temple_ledger.infrastructure.queries.sentence import NamedTarget, Person, Quote, Somebody
from temple_ledger.infrastructure.web.icons import ICONS
from temple_ledger.infrastructure.web.sign_in import account_of
from temple_ledger.infrastructure.web.ways_out import way_out
from temple_ledger.infrastructure.web.wording import wording

LONGEST: Final = 300
STATIC: Final[Mapping[str, str]] = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
COLOURS: Final = 8
MOST_PRETTY: Final = 20_000
MOST_SHOWN: Final = 200_000


@cache
def static_file(name: str) -> bytes:
    return files("temple_ledger.infrastructure.web").joinpath("static", name).read_bytes()


@cache
def static_url(name: str) -> str:
    """Another one for another content, so that a browser may store it for good."""
    return f"/static/{hashlib.sha256(static_file(name)).hexdigest()[:16]}/{name}"


def shown(value: object, longest: int = LONGEST) -> str:
    """In one line, no longer than that, and with every character visible."""
    text = printable(str(value)[: longest + 1])
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def number(value: int | None) -> str:
    """`9 453`, with a narrow space that does not break."""
    return "–" if value is None else f"{value:,}".replace(",", "\u202f")


def counted(found: int, one: str, many: str | None = None) -> str:
    """`2 events`, with the number as `number` writes it."""
    return spaced(plural(found, one, many))


def spaced(words: str) -> str:
    """Words of ours about one number, as `number` writes it."""
    return words.replace(",", "\u202f")


def when(value: datetime | date | None, *, clock: bool = True) -> Markup | str:
    """In UTC; the script shows it in the reader's zone where they ask for it."""
    if value is None:
        return "–"
    if not isinstance(value, datetime):
        return f"{value.day} {value:%b %Y}"
    at = value.astimezone(UTC)
    text = f"{at.day} {at:%b %Y}, {at:%H:%M}" if clock else f"{at.day} {at:%b %Y}"
    written = Markup('<time datetime="{}"{}>{}</time>')
    return written.format(format_instant(at), "" if clock else Markup(" data-day"), text)


def value(found: object) -> Markup | str:
    """Of a column, whatever its type."""
    return when(found) if isinstance(found, datetime) else "none" if found is None else shown(found, 80)


def ago(value: datetime | None) -> str:
    return "never" if value is None else f"{span(max(0.0, (datetime.now(UTC) - value).total_seconds()))} ago"


def in_path(value: object) -> str:
    return in_segment(str(value))


def as_lines(value: object) -> str:
    """JSON over several lines, each with every character visible."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    return "\n".join(map(printable, text.split("\n")))


def as_pretty_json(text: str) -> str:
    """JSON of any sort over several lines; what is too long, or too deep, as it is."""
    if len(text) <= MOST_PRETTY:
        with suppress(ValueError, RecursionError):
            return as_lines(json.loads(text))
    return as_lines(text[:MOST_SHOWN])


def icon(name: str) -> Markup:
    return Markup(
        '<svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">{}</svg>'
    ).format(ICONS[name])


def initials(name: str) -> str:
    letters = [word[0] for word in shown(name).split() if word[0].isalnum()]
    return "".join(letters[:1] + letters[-1:] if len(letters) > 1 else letters[:1]).upper() or "?"


def colour(user_id: str) -> int:
    """One of so many, always the same for a person."""
    return hashlib.blake2b(user_id.encode(), digest_size=2).digest()[0] % COLOURS


def kind_of(part: object) -> str:
    """What a part of a sentence is, for the macro that shows it."""
    match part:
        case Person():
            return "person"
        case NamedTarget(role=None):
            return "tier"
        case NamedTarget():
            return "role"
        case Quote():
            return "quote"
        case Somebody():
            return "somebody"
        case _:
            return "text"


def _plain(value: object) -> str:
    return format_instant(value) if isinstance(value, datetime) else str(value)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("temple_ledger.infrastructure.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "shown": shown,
        "number": number,
        "value": value,
        "when": when,
        "ago": ago,
        "account": account_of,
        "in_path": in_path,
        "as_lines": as_lines,
        "as_pretty_json": as_pretty_json,
        "initials": initials,
        "colour": colour,
        "kind": kind_of,
        "span": span,
        "spaced": spaced,
        "wording": wording,
        "way_out": way_out,
    }
    made.globals |= {"icon": icon, "plural": counted, "static": static_url, "way_out": way_out}
    return made


@cache
def environment() -> Environment:
    return _environment()


def render(template: str, data: Mapping[str, Any], *, names: Names, block: str | None = None) -> str:
    """The whole page, or one *block* of it."""
    found = environment().get_template(template)
    given = {**data, "names": names}
    if block is None:
        return found.render(given)
    return "".join(found.blocks[block](found.new_context(given)))
