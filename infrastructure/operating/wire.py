"""Between the console and the process that acts: a socket pair, over which lines of JSON go.

{"begin": action, "arguments": {…}, "by": …, "reason": …, "number": …} and {"job": id} are answered by
{"job": {…}}, or by {"refused": sentence}, with {"missing": id} where there is no such job.
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from temple_ledger.domain.errors import LedgerError, Refused, UnknownName
from temple_ledger.infrastructure.operating.action import Asking
from temple_ledger.infrastructure.operating.jobs import Jobs

LONGEST_LINE: Final = 256 * 1024
ANSWER_SECONDS: Final = 10.0


def answer(jobs: Jobs, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        if "job" in asked:
            job = jobs.find(str(asked["job"]))
            if job is None:
                return {"refused": "there is no such action", "missing": str(asked["job"])}
            return {"job": job.data}
        number = asked.get("number")
        arguments = {str(name): str(value) for name, value in dict(asked["arguments"]).items()}
        asking = Asking(
            str(asked["begin"]),
            arguments,
            str(asked["by"]),
            str(asked.get("reason", "")),
            None if number is None else int(number),
        )
        return {"job": jobs.begin(asking).data}
    except LedgerError as error:
        return {"refused": str(error)}
    except (KeyError, TypeError, ValueError):
        return {"refused": "that is no action"}


def serve(connection: socket.socket, jobs: Jobs) -> None:
    """Until the other end is closed."""
    with connection, connection.makefile("rb") as lines:
        while line := lines.readline(LONGEST_LINE):
            try:
                asked = json.loads(line)
            except ValueError:
                asked = {}
            found = answer(jobs, asked if isinstance(asked, dict) else {})
            connection.sendall(f"{json.dumps(found)}\n".encode())


class Actions:
    """The console's end. *start* makes the process, whenever there is none, and returns a connection to it."""

    def __init__(self, start: Callable[[], socket.socket]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None

    def begin(self, asking: Asking) -> Mapping[str, Any]:
        """The job that was begun. Raises Refused."""
        return self._asked(
            {
                "begin": asking.action,
                "arguments": dict(asking.arguments),
                "by": asking.by,
                "reason": asking.reason,
                "number": asking.number,
            }
        )

    def job(self, number: str) -> Mapping[str, Any]:
        """Raises Refused, and UnknownName."""
        return self._asked({"job": number})

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _asked(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._start()
                    self._connection.settimeout(ANSWER_SECONDS)
                found = json.loads(_exchanged(self._connection, f"{json.dumps(request)}\n".encode()))
            except (OSError, ValueError):
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                raise Refused(
                    "the process that carries out actions has ended; look in the journal whether this was done, "
                    "then try again"
                ) from None
        if "missing" in found:
            raise UnknownName("action", str(found["missing"]))
        if "refused" in found:
            raise Refused(str(found["refused"]))
        job: Mapping[str, Any] = found["job"]
        return job


def _exchanged(connection: socket.socket, line: bytes) -> bytes:
    """Raises OSError."""
    connection.sendall(line)
    received = bytearray()
    while not received.endswith(b"\n"):
        part = connection.recv(1 << 16)
        if not part:
            raise ConnectionResetError
        received += part
    return bytes(received)
