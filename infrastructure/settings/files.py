"""Where settings lie: temple.toml of the current directory and of the machine, and secret files."""

import os
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Final

from pydantic_settings import BaseSettings, SecretsSettingsSource, TomlConfigSettingsSource

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.infrastructure.settings.spelling import PREFIX

FILE: Final = "temple.toml"
MACHINE_FILE: Final = Path("/etc/temple-ledger") / FILE
NAMES_MACHINE_FILE: Final = f"{PREFIX}CONFIG_FILE"
"""Names another file in the place of the machine's; empty, there is none."""


def machine_file() -> Path | None:
    given = os.environ.get(NAMES_MACHINE_FILE)
    return MACHINE_FILE if given is None else Path(given) if given.strip() else None


class TomlFile(TomlConfigSettingsSource):
    """All that one file has. Raises SettingsInvalid."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        try:
            return super()._read_file(file_path)
        except TOMLDecodeError as error:
            raise SettingsInvalid(f"{absolute(file_path)} is not TOML: {error}") from None
        except UnicodeDecodeError:
            raise SettingsInvalid(f"{absolute(file_path)} is not UTF-8") from None


def values_of(file: Path) -> Mapping[str, Any]:
    """Empty where there is no such file. Raises SettingsInvalid."""
    return TomlFile(BaseSettings, file)()


class OwnOfToml(TomlFile):
    """What one file has of one model; `check_settings` sees to what belongs to none."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name in self.settings_cls.model_fields}


def secret_file(name: str) -> Path | None:
    """The file that would give this setting."""
    wanted = f"{PREFIX}{name}".lower()
    for folder in reversed(secret_folders()):
        for file in sorted(folder.iterdir()):
            if file.name.lower() == wanted and file.is_file():
                return file
    return None


def toml_files() -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Each temple.toml in use, and all that it has. Raises SettingsInvalid."""
    for file in toml_places():
        if file.exists():
            yield file.absolute(), values_of(file)


def toml_places() -> list[Path]:
    """The stronger first. Either may be missing, but one that TEMPLE_CONFIG_FILE names may not.

    Raises SettingsInvalid.
    """
    machine = machine_file()
    if machine is None:
        return [Path(FILE)]
    if NAMES_MACHINE_FILE in os.environ and not machine.is_file():
        raise SettingsInvalid(f"{NAMES_MACHINE_FILE} names {machine}, and there is no such file")
    return [Path(FILE), machine]


def absolute(file: Path | Traversable) -> str:
    return str(file.absolute() if isinstance(file, Path) else file)


def secret_source(settings_cls: type[BaseSettings]) -> SecretsSettingsSource:
    return SecretsSettingsSource(settings_cls, secrets_dir=[str(folder) for folder in secret_folders()] or None)


def secret_folders() -> list[Path]:
    """Those that there are; what the last one says counts."""
    given = credentials()
    folders = [Path("/run/secrets"), *(() if given is None else (given,))]
    return [folder for folder in folders if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)]


def credentials() -> Path | None:
    """What systemd gives to a unit, and to it alone."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(given) if given else None
