"""`temple config`: which settings there are, and where each comes from."""

from typing import Any

import click
from pydantic import SecretStr

from temple_ledger.infrastructure.processes.sources import installed_sources
from temple_ledger.infrastructure.settings import list_settings
from temple_ledger.infrastructure.terminal.dsn import HIDDEN, shown
from temple_ledger.infrastructure.terminal.session import Session, as_json, print_rows


@click.group("config")
def command() -> None:
    """Which settings there are, and where each comes from."""


@command.command()
@as_json
@click.pass_obj
def show(session: Session, as_json: bool) -> None:
    """Every setting: its value, and where it comes from. Secrets are not shown.

    A flag counts more than TEMPLE_* in the environment, that more than a secret file, that more than
    temple.toml of the current directory, that more than /etc/temple-ledger/temple.toml, and that more than
    the default. TEMPLE_CONFIG_FILE names another file in the place of the one in /etc.

    \b
    Example: temple --log-level debug config show
    """
    rows = [
        {"name": each.name, "value": _shown(each.name, each.value), "from": each.place, "meaning": each.meaning}
        for each in list_settings(session.settings, installed_sources().models(), session.flags)
    ]
    print_rows(rows, ("name", "value", "from"), as_json=as_json)


def _shown(name: str, value: Any) -> str | None:
    if isinstance(value, SecretStr):
        return shown(value.get_secret_value()) if name == "database_url" else HIDDEN
    return None if value is None else str(value)
