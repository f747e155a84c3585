"""A port that cannot be listened on: whose it is, who may have it already, and which settings choose another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from temple_ledger.domain.errors import CannotListen


@dataclass(frozen=True)
class Port:
    """`others`: commands that listen on the same port unless they are set to another."""

    whose: str
    others: str
    host_setting: str
    port_setting: str


RECEIVER = Port("the receiver", "temple receive or temple up", "TEMPLE_RECEIVE_HOST", "TEMPLE_RECEIVE_PORT")
RECEIVER_METRICS = Port(
    "the receiver's metrics", "temple receive", "TEMPLE_METRICS_HOST", "TEMPLE_RECEIVE_METRICS_PORT"
)
RUNNER_METRICS = Port("the runner's metrics", "temple run or temple up", "TEMPLE_METRICS_HOST", "TEMPLE_METRICS_PORT")
CONSOLE = Port("the console", "temple web or temple up", "TEMPLE_WEB_HOST", "TEMPLE_WEB_PORT")


@contextmanager
def listening_for(port: Port, *, flag: str | None = None) -> Iterator[None]:
    """Around what begins to listen. *flag*: the option of this command that chooses the port.

    Raises CannotListen, with what to do.
    """
    try:
        yield
    except CannotListen as error:
        chooses = port.port_setting if flag is None else f"{flag} or {port.port_setting}"
        if error.is_taken:
            what = f"{error}, perhaps by another {port.others}; end that one, or choose another port: {chooses}"
        else:
            what = f"{error}; choose another address or port: {port.host_setting}, {chooses}"
        raise CannotListen(f"{port.whose} {what}", is_taken=error.is_taken) from None
