"""Where everything of ours is kept on this machine, unless the caller says otherwise."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from temple_ledger.domain.errors import DatabaseUnavailable


def default_state_dir(env: Mapping[str, str]) -> Path:
    """TEMPLE_HOME, else temple-ledger in $XDG_STATE_HOME, else in ~/.local/state, be HOME set or not."""
    if env.get("TEMPLE_HOME"):
        return Path(env["TEMPLE_HOME"]).absolute()
    state_home = Path(env.get("XDG_STATE_HOME", ""))
    if not state_home.is_absolute():  # which the XDG specification says to ignore
        state_home = _home(env) / ".local" / "state"
    return state_home / "temple-ledger"


def _home(env: Mapping[str, str]) -> Path:
    if env.get("HOME"):
        return Path(env["HOME"])
    try:
        return Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        raise DatabaseUnavailable(
            f"user id {os.geteuid()} has no home directory: set TEMPLE_HOME to a directory of your own"
        ) from None
