"""A Pushgateway that only takes things down."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer


@dataclass
class Gateway:
    """`taken` are the pushes: path and body. Like a real one it refuses a body without a line feed at its end."""

    url: str = ""
    taken: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def listening_gateway() -> Iterator[Gateway]:
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            gateway.taken.append((self.path, body))
            self.send_response(200 if body.endswith("\n") else 400)
            self.end_headers()

        do_POST = do_PUT  # noqa: N815 -- the name is the base class's

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
