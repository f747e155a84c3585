"""The wire under a connection."""

import os
import socket
from contextlib import suppress
from typing import Any

import psycopg


def cut(connection: psycopg.Connection[Any]) -> None:
    """Ends another thread's wait for the database with an error: nothing else does where the network swallows all.

    The connection itself is left to that thread: closed under its hands it would take the process down.
    """
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
