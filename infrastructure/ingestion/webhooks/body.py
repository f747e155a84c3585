"""Reading a body, and no more of it than is allowed."""

from starlette.types import Receive

from temple_ledger.domain.errors import Refused
from temple_ledger.infrastructure.ingestion.webhooks.endpoint import Headers, values


class TooLarge(Refused):
    pass


class Gone(Refused):
    """The sender went away, or was sent away because it was too slow."""


async def read_body(headers: Headers, receive: Receive, most_bytes: int) -> bytes:
    """Byte by byte what was sent. Raises TooLarge, of a declared length before anything is read, and Gone."""
    declared = values(headers, b"content-length")
    if declared and int(declared[0]) > most_bytes:
        raise TooLarge(f"more than {most_bytes} bytes")
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone("the sender went away")
        body += message.get("body", b"")
        if len(body) > most_bytes:
            raise TooLarge(f"more than {most_bytes} bytes")
        more = message.get("more_body", False)
    return bytes(body)
