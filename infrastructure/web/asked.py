"""What a browser asked for."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Self
from urllib.parse import quote, urlencode

from starlette.requests import Request

from temple_ledger.domain.errors import InvalidEvent, LedgerError
from temple_ledger.infrastructure.queries import as_of as moment
from temple_ledger.infrastructure.web.parameters import BadQuestion, require_only
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.infrastructure.web.sign_in import WebSession

LONGEST: Final = 200
"""Characters of what may be searched for."""
MOST_ROWS: Final = 500
ROWS: Final = 50
GREATEST: Final = 2**63 - 1


class Form(StrEnum):
    """In which form it is wanted."""

    HTML = "html"
    JSON = "json"
    CSV = "csv"


class NotThere(LedgerError):
    """What was asked for is gone; the sentence says where to look."""


@dataclass(frozen=True)
class Asked:
    """*part*: the id of the element that the answer goes into; None for a whole page. *takes*: the parameters that
    may be in the query."""

    path: str
    query: Mapping[str, str]
    parameters: Mapping[str, str]
    session: WebSession
    takes: Collection[str] = ()
    form: Form = Form.HTML
    part: str | None = None

    def taking(self, *takes: str) -> Self:
        """The same, of a page that takes these parameters. Raises BadQuestion where there is another one."""
        require_only(self.query, takes)
        if self.query.get("format", Form.HTML) not in list(Form):
            raise BadQuestion(f"format is one of {', '.join(Form)}")
        return replace(self, takes=takes)

    def may(self, right: Right) -> bool:
        return right in self.session.rights

    def typed(self, name: str) -> str:
        """As it stands in the address; empty where it is missing. A page reads nothing that its route does not take:
        that would be refused before it is read."""
        if name not in self.takes:
            raise LookupError(f"{name} is read, and its route does not take it")
        return self.query.get(name, "")

    def text(self, name: str) -> str | None:
        """None where it is missing or blank."""
        value = self.typed(name).strip().replace("\0", "")
        if len(value) > LONGEST:
            raise BadQuestion(f"{name} is longer than {LONGEST} characters")
        return value or None

    def one_of(self, name: str, among: Mapping[str, str]) -> str | None:
        """A key of *among*. Raises BadQuestion for anything else."""
        value = self.text(name)
        if value is not None and value not in among:
            raise BadQuestion(f"{name} is one of {', '.join(among)}")
        return value

    def number(self, name: str) -> int | None:
        """Raises BadQuestion."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"\d{1,19}", value, re.ASCII) or int(value) > GREATEST:
            raise BadQuestion(f"{name} is a number")
        return int(value)

    def position(self) -> int:
        """The number in the path. Raises BadQuestion."""
        value = self.parameters["number"]
        if not re.fullmatch(r"\d{1,19}", value, re.ASCII) or int(value) > GREATEST:
            raise BadQuestion("the end of the address is a number")
        return int(value)

    def beginning(self, name: str) -> datetime | None:
        """A time; of a date its beginning. Raises BadQuestion."""
        return self._time(name, end=False)

    def end(self, name: str) -> datetime | None:
        """A time; of a date its end. Raises BadQuestion."""
        return self._time(name, end=True)

    @property
    def rows(self) -> int:
        """How many a list has. Raises BadQuestion."""
        wanted = self.number("rows")
        if wanted is not None and not 1 <= wanted <= MOST_ROWS:
            raise BadQuestion(f"rows is a number from 1 to {MOST_ROWS}")
        return ROWS if wanted is None else wanted

    def url(self, **changes: object) -> str:
        """The same page with other parameters; None takes one away."""
        kept = {name: value for name, value in self.query.items() if name not in changes}
        more = {name: _written(value) for name, value in changes.items() if value is not None}
        query = urlencode({name: value for name, value in {**kept, **more}.items() if value != ""})
        path = quote(self.path, safe="/:@")
        return f"{path}?{query}" if query else path

    def _time(self, name: str, *, end: bool) -> datetime | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            return moment.end(value) if end else moment.beginning(value)
        except InvalidEvent as error:
            raise BadQuestion(
                f"{name}: {error.reason}; write a date such as 2026-03-01, or 2026-03-01T18:00:00Z"
            ) from None


def _written(value: object) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def path_of(request: Request) -> str:
    """Decoded. A name in it may have a question mark, at which `request.url.path` would end."""
    path: str = request.scope["path"]
    return path


def url_of(request: Request) -> str:
    path, query = quote(path_of(request), safe="/:@"), request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def form_of(request: Request) -> Form:
    wanted = request.query_params.get("format")
    return Form(wanted) if wanted in list(Form) else Form.HTML
