"""A receiver with few file descriptors, as a process of its own: prints its port, ends when its stdin does."""

import resource
import sys

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from temple_ledger.infrastructure.ingestion.webhooks.listening import listening
from temple_ledger.infrastructure.ingestion.webhooks.server import Server

FEW = 40


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("here")(scope, receive, send)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, FEW))
    with Server(app, listening("127.0.0.1", 0)) as server:
        print(server.port, flush=True)  # noqa: T201 - for the test that started it
        sys.stdin.read()
