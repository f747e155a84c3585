"""A port for a server that is told which."""

import random
import socket
from contextlib import suppress

NOBODY_IS_GIVEN = range(20_000, 30_000)
"""Below those that the system gives to whoever asks for any: nobody takes one of these by chance."""


def free_port() -> int:
    for port in random.SystemRandom().sample(NOBODY_IS_GIVEN, 100):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
