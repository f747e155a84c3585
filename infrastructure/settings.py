"""Configuration: a flag, then TEMPLE_* in the environment, a secret file, temple.toml, and the default.

A secret file is named like the variable, in any case, in $CREDENTIALS_DIRECTORY (systemd) or /run/secrets;
temple.toml is that of the current directory.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from temple_ledger.domain.errors import LedgerError
from temple_ledger.infrastructure.embedded_postgres.state_dir import default_state_dir
from temple_ledger.infrastructure.sources.patreon.tier_roles import listed, tier_roles_of
from temple_ledger.infrastructure.sources.patreon.webhook_secrets import Campaigns, campaigns_of

FILE: Final = "temple.toml"
PREFIX: Final = "TEMPLE_"


class SettingsInvalid(LedgerError):
    pass


class Settings(BaseSettings):
    """Every setting, with its default and what it does."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        toml_file=FILE,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default_factory=lambda: default_state_dir(os.environ),
        description="the state directory: embedded database, rejected lines",
    )
    database_url: SecretStr | None = Field(
        default=None, description="the DSN of a PostgreSQL to use in place of the embedded one"
    )
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None, description="what to log on stderr; by default info, and warning on a terminal"
    )
    operator: str | None = Field(default=None, description="who does what is done, for the operations journal")

    metrics_host: str = Field(default="127.0.0.1", description="where a runner and a receiver listen for Prometheus")
    metrics_port: int = Field(
        default=9464, ge=0, le=65_535, description="the port of a runner's metrics; 0 switches them off"
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        description="the bearer token that a scrape has to send; needed where metrics_host is not this machine",
    )
    pushgateway: str | None = Field(
        default=None, description="the URL of a Prometheus Pushgateway that reconciliations tell their result"
    )
    reconcile_every_seconds: float = Field(
        default=900.0, ge=0, allow_inf_nan=False, description="how often a runner reconciles; 0 switches it off"
    )
    reconcile_repair_below: int = Field(
        default=10, ge=0, description="a reconciliation repairs by itself what has fewer issues than this"
    )

    receive_host: str = Field(default="127.0.0.1", description="the address on which the receiver listens")
    receive_port: int = Field(default=8080, ge=0, le=65535, description="its port; 0 takes a free one")
    receive_metrics_port: int = Field(
        default=9465, ge=0, le=65535, description="the port of the receiver's own metrics; 0 switches them off"
    )
    receive_proxies: str = Field(
        default="127.0.0.1,::1",
        description="the proxies whose X-Forwarded-For is believed, separated by commas; * believes everybody",
    )
    patreon_secrets: Annotated[Campaigns, NoDecode, BeforeValidator(campaigns_of)] = Field(
        default_factory=dict,
        description="the secrets of Patreon's webhooks: one secret, or an object of campaigns and their secrets",
    )
    discord_token: SecretStr | None = Field(default=None, description="the token of the Discord bot")
    discord_guild: str | None = Field(
        default=None, pattern=r"^\d{1,20}$", description="the guild of this ledger; by default the only one of the bot"
    )
    discord_api_url: str | None = Field(default=None, description="another place than Discord's REST API, for tests")
    discord_gateway_url: str | None = Field(default=None, description="another place than Discord's gateway, for tests")
    patreon_token: SecretStr | None = Field(
        default=None, description="the creator's access token, to read from Patreon"
    )
    patreon_refresh_token: SecretStr | None = Field(
        default=None, description="its refresh token; the pairs that follow are kept in the database"
    )
    patreon_client_id: str | None = Field(default=None, description="of the client that the tokens belong to")
    patreon_client_secret: SecretStr | None = Field(default=None, description="to refresh them")
    patreon_campaign_ids: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(), description="the campaigns to read, separated by commas; by default all of the token"
    )
    patreon_api_url: str = Field(default="https://www.patreon.com", description="where Patreon is")
    tier_roles: Annotated[dict[str, tuple[str, ...]], NoDecode, BeforeValidator(tier_roles_of)] = Field(
        default_factory=dict,
        description="the roles of each paid tier, ids or titles to ids or names, for temple drift; "
        "by default those that Patreon says",
    )
    inbox_keep_days: int = Field(
        default=90, ge=1, description="translated deliveries are kept for so many days; others for good"
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        try:
            return home.expanduser().absolute()
        except RuntimeError:
            raise ValueError("there is no home directory to put in the place of ~") from None

    @field_validator(
        "database_url",
        "metrics_token",
        "operator",
        "pushgateway",
        "patreon_token",
        "patreon_refresh_token",
        "patreon_client_id",
        "patreon_client_secret",
        "discord_token",
        "discord_guild",
        "discord_api_url",
        "discord_gateway_url",
        mode="before",
    )
    @classmethod
    def _nothing_if_empty(cls, value: object) -> object:
        """So that `--database-url ''` asks for the embedded database, whatever else says otherwise."""
        return None if isinstance(value, str) and not value.strip() else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            env_settings,
            _secret_files(settings_cls),
            TomlConfigSettingsSource(settings_cls),
        )


@dataclass(frozen=True)
class Origin:
    """Where the value of a setting comes from, in words."""

    name: str
    place: str


def load_settings(flags: Mapping[str, Any]) -> Settings:
    """Raises SettingsInvalid, with the name of the setting; never with its value."""
    try:
        return Settings(**_given(flags))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise SettingsInvalid(
                f"{FILE} has a setting {name!r}; there are {', '.join(Settings.model_fields)}"
            ) from None
        place = _origin(str(first["loc"][0]), flags)
        raise SettingsInvalid(f"setting {name} ({place}): {first['msg']}") from None
    except TOMLDecodeError as error:
        raise SettingsInvalid(f"{FILE} is not TOML: {error}") from None
    except OSError as error:
        raise SettingsInvalid(f"{error.filename or FILE} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsInvalid(f"{FILE}, or a secret file, is not UTF-8") from None


def origins(flags: Mapping[str, Any]) -> Iterator[Origin]:
    """Of every setting. Raises what `load_settings` raises."""
    load_settings(flags)
    for name in Settings.model_fields:
        yield Origin(name, _origin(name, flags))


def secret_file(name: str) -> Path | None:
    """The file that would give this setting."""
    wanted = f"{PREFIX}{name}".lower()
    for folder in reversed(_secret_folders()):
        for file in sorted(folder.iterdir()):
            if file.name.lower() == wanted and file.is_file():
                return file
    return None


def _origin(name: str, flags: Mapping[str, Any]) -> str:
    if name in _given(flags):
        return f"flag --{name.replace('_', '-')}"
    if os.environ.get(f"{PREFIX}{name}".upper()):
        return f"environment, {PREFIX}{name.upper()}"
    file = secret_file(name)
    if file is not None:
        return f"secret file {file}"
    if name in TomlConfigSettingsSource(Settings)():
        return str(Path(FILE).absolute())
    return "default"


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _secret_files(settings_cls: type[BaseSettings]) -> SecretsSettingsSource:
    return SecretsSettingsSource(settings_cls, secrets_dir=[str(folder) for folder in _secret_folders()] or None)


def _secret_folders() -> list[Path]:
    """Those that there are; what the last one says counts."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    folders = [Path("/run/secrets"), *((Path(given),) if given else ())]
    return [folder for folder in folders if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)]
