"""Which roles somebody has, as the platform answers now: asked of the listener, over the socket of names."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from temple_ledger.domain.errors import LedgerError, PlatformUnavailable
from temple_ledger.infrastructure.names.server import SOCKET, exchanged

ANSWER_SECONDS: Final = 5.0

AskRoles = Callable[[str], Sequence[str] | None]
"""Of a person; None for somebody who is no member. Raises PlatformUnavailable."""


def answer_roles(ask: AskRoles, user_id: str) -> dict[str, Any]:
    """What goes over the socket."""
    try:
        found = ask(user_id)
    except LedgerError as error:
        return {"unavailable": str(error)}
    return {"roles": None if found is None else list(found)}


def roles_of(home: Path, user_id: str, *, seconds: float = ANSWER_SECONDS) -> Sequence[str] | None:
    """None for somebody who is no member. Raises PlatformUnavailable, also where no listener answers in time."""
    try:
        request = f"{json.dumps({'roles_of': user_id})}\n".encode()
        found = json.loads(exchanged(home / SOCKET, request, time.monotonic() + seconds))
        if "unavailable" not in found:
            return None if found["roles"] is None else [str(each) for each in found["roles"]]
        reason = str(found["unavailable"])
    except (OSError, ValueError, KeyError, TypeError):
        reason = "no listener answers in the state directory"
    raise PlatformUnavailable(f"it is not known now which roles {user_id} has: {reason}")
