"""The page of what cannot be answered: a sentence, and where to go on."""

from typing import Final

from starlette.requests import Request

from temple_ledger.domain.errors import (
    AmbiguousName,
    DatabaseUnavailable,
    LedgerError,
    PlatformRefuses,
    PlatformUnavailable,
    Refused,
    SchemaMismatch,
    UnknownName,
)
from temple_ledger.infrastructure.web.asked import NotThere, path_of, url_of
from temple_ledger.infrastructure.web.console import SECTIONS, Page
from temple_ledger.infrastructure.web.parameters import BadQuestion
from temple_ledger.infrastructure.web.rights import Right
from temple_ledger.infrastructure.web.wording import Wording

FORM: Final = "application/x-www-form-urlencoded"
LONGEST_FORM: Final = 64 * 1024
STATUS_OF: Final = (
    (BadQuestion, 400),
    (AmbiguousName, 400),
    (UnknownName, 404),
    (NotThere, 404),
    (Refused, 409),
    (PlatformRefuses, 403),
    (SchemaMismatch, 503),
    (DatabaseUnavailable, 503),
    (PlatformUnavailable, 503),
)
AGAIN_SECONDS: Final = 15
"""Until a page that could not be made is asked for again, by itself."""
UNAVAILABLE: Final = 503
FOREIGN: Final = Wording("This form was not sent from a page of this console: open its page, and send it from there.")
NEEDS: Final = {
    Right.READ: "You may not see that: your session has no right to read.",
    Right.OPERATE: "That is for whoever may operate, and you may read. Whoever runs the ledger can change it.",
    Right.BODIES: "You may not see deliveries as they came. Whoever runs the ledger can change it.",
}
"""What is said to whom a right is missing."""
TITLES: Final = {
    400: "That cannot be asked",
    403: "Not allowed",
    404: "Not found",
    405: "Not that way",
    409: "Not done",
    413: "Too long",
    415: "Not that way",
    UNAVAILABLE: "No answer",
}
SENTENCES: Final = {
    404: "There is no such page.",
    405: "This address cannot be asked that way: open it from a page of this console.",
    413: f"A form has at most {LONGEST_FORM // 1024} kB: make what you wrote shorter, and send it again.",
    415: f"A form is sent as {FORM}: send it from a page of this console.",
}


def status_of(error: LedgerError) -> int:
    return next((code for kind, code in STATUS_OF if isinstance(error, kind)), 500)


def sentence_for(status: int) -> Wording:
    return Wording(SENTENCES.get(status, "That cannot be answered."))


def error_page(request: Request, status: int, said: Wording) -> Page:
    """Where something did not answer, it is asked for again."""
    again = url_of(request) if status == UNAVAILABLE and request.method in ("GET", "HEAD") else None
    section = path_of(request).split("/")[1] or SECTIONS[0][0]
    data = {"said": said, "again": again, "again_seconds": AGAIN_SECONDS}
    page = Page("error.html", TITLES.get(status, "That went wrong"), section, data, live=False, status=status)
    page.refresh_seconds = None if again is None else AGAIN_SECONDS
    return page
