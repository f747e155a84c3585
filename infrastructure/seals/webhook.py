"""Heads sent to somebody else's machine."""

import http.client
from typing import Final
from urllib.parse import urlsplit

from temple_ledger.infrastructure.seals.head import Head
from temple_ledger.infrastructure.seals.head_file import head_line

SECONDS: Final = 5.0


def send_head(url: str, head: Head) -> None:
    """As JSON, by POST. Redirects are not followed. Raises OSError: for an answer that is not 2xx too."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("POST", target, head_line(head), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if not 200 <= answer.status < 300:
            raise OSError(f"it answered {answer.status}")
    except http.client.HTTPException as error:
        raise OSError(f"it did not answer: {type(error).__name__}") from error
    finally:
        connection.close()
