"""The file of a fleet: which ledgers there are, and how each is reached."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from tomllib import TOMLDecodeError, loads
from typing import Annotated, Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from temple_ledger.domain.errors import Refused, SettingsInvalid, UnknownName

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
PORT: Final = "5432"


def _readable(dsn: SecretStr) -> SecretStr:
    try:
        conninfo_to_dict(dsn.get_secret_value())
    except psycopg.ProgrammingError:
        # the driver's message repeats parts of it
        raise ValueError("it cannot be read; write postgresql://user@host:port/name") from None
    return dsn


class FleetLedger(BaseModel):
    """`migrate_dsn` is that of the login that migrates, where it is another one. `settings` are settings of sources,
    for this ledger alone: the secrets of its webhooks, for one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str
    dsn: Annotated[SecretStr, AfterValidator(_readable)]
    migrate_dsn: Annotated[SecretStr, AfterValidator(_readable)] | None = None
    guild: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")] | None = None
    settings: dict[str, Any] = Field(default={}, repr=False)

    @field_validator("name")
    @classmethod
    def _is_a_label(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise ValueError("a ledger's name has lower-case letters, digits, - and _, at most 63")
        return name

    @property
    def server(self) -> str:
        """`host:port` of the server, or `host` alone where that is a folder of sockets."""
        parts = conninfo_to_dict(self.dsn.get_secret_value())
        host = str(parts.get("host") or parts.get("hostaddr") or "")
        return f"{host}:{parts.get('port') or PORT}"

    @property
    def place(self) -> tuple[str, str]:
        """Server and database: two ledgers have different ones."""
        parts = conninfo_to_dict(self.dsn.get_secret_value())
        return self.server, str(parts.get("dbname") or parts.get("user") or "")


class Fleet(BaseModel):
    """`shared_servers` are those, as `host` or `host:port`, on which others have databases too."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    ledger: tuple[FleetLedger, ...]
    shared_servers: tuple[str, ...] = ()

    @field_validator("ledger")
    @classmethod
    def _apart(cls, ledgers: tuple[FleetLedger, ...]) -> tuple[FleetLedger, ...]:
        if not ledgers:
            raise ValueError("it lists no ledger")
        for what, found in (
            ("two ledgers are called", [each.name for each in ledgers]),
            ("two ledgers have the guild", [each.guild for each in ledgers if each.guild is not None]),
            ("two ledgers are in the database", [" ".join(reversed(each.place)) for each in ledgers]),
        ):
            if twice := _twice(found):
                raise ValueError(f"{what} {twice}")
        return ledgers

    def is_shared(self, ledger: FleetLedger) -> bool:
        return bool({ledger.server, ledger.server.rpartition(":")[0]} & set(self.shared_servers))

    def named(self, names: Sequence[str]) -> Sequence[FleetLedger]:
        """Those, or all where none is named. Raises UnknownName."""
        known = {each.name: each for each in self.ledger}
        for name in names:
            if name not in known:
                raise UnknownName("ledger in the fleet's file", name)
        return [known[name] for name in dict.fromkeys(names)] or self.ledger


def read_fleet(file: Path) -> Fleet:
    """Raises Refused where others may read it, and SettingsInvalid, never with a value in it."""
    try:
        _require_private(file, file.stat())  # a FIFO would be waited for
        with file.open("rb") as opened:
            _require_private(file, os.fstat(opened.fileno()))
            text = opened.read().decode("utf-8")
        return Fleet.model_validate(loads(text))
    except OSError as error:
        raise SettingsInvalid(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{file} is not UTF-8") from None
    except TOMLDecodeError as error:
        raise SettingsInvalid(f"{file} is not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
        raise SettingsInvalid(f"{file}: {where}: {first['msg'].removeprefix('Value error, ')}") from None


def _require_private(file: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SettingsInvalid(f"{file} is no regular file")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise Refused(f"{file} has passwords in it, and its mode is {mode:04o}; run: chmod 600 {file}")


def _twice(found: Iterable[str]) -> str | None:
    return next((each for each, number in Counter(found).items() if number > 1), None)
