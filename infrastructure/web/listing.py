"""A list as a page shows it, as JSON, and as CSV: the same rows."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from temple_ledger.domain.instant import format_instant
from temple_ledger.infrastructure.queries.not_folded import NotFolded

FORMULA: Final = "=+-@|%\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet takes for the beginning of a formula, or of a command."""


@dataclass(frozen=True)
class Listing:
    """`rows` have plain values under `columns`; `following` is the URL of the next page, None on the last one.

    `not_folded` is what these rows do not have yet; None where they do not come from tables that may be behind.
    """

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    following: str | None = None
    not_folded: NotFolded | None = None

    @property
    def behind(self) -> Mapping[str, int]:
        """Under the names that programs see; empty where nothing can be behind."""
        if self.not_folded is None:
            return {}
        return {"not_folded": self.not_folded.events, "parked": self.not_folded.parked}


def as_json(listing: Listing) -> str:
    """Ids are texts, times are ISO 8601 in UTC."""
    rows = [{column: row.get(column) for column in listing.columns} for row in listing.rows]
    return json.dumps({"data": rows, "next": listing.following, **listing.behind}, default=_plain)


def csv_headers(listing: Listing) -> dict[str, str]:
    """What a table of cells has no place for."""
    return {f"X-Temple-{name.replace('_', '-').title()}": str(number) for name, number in listing.behind.items()}


def as_csv(listing: Listing) -> str:
    """For a spreadsheet: no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(listing.columns)
    writer.writerows([_cell(row.get(column)) for column in listing.columns] for row in listing.rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, default=_plain) if _is_whole(value) else _plain(value)
    text = text.replace("\0", "")
    begins = text.lstrip()[:1]
    return f"'{text}" if (begins and begins in FORMULA) or text[:1] in ("\t", "\r", "\n") else text


def _is_whole(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _plain(value: object) -> str:
    return format_instant(value) if isinstance(value, datetime) else str(value)
