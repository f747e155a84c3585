"""Configuration: a flag, then TEMPLE_* in the environment, a secret file, temple.toml, and the default.

A secret file is named like the variable, in any case, in $CREDENTIALS_DIRECTORY (systemd) or /run/secrets;
temple.toml is that of the current directory, and below it the machine's, /etc/temple-ledger/temple.toml.
`Settings` are the core's own; each source declares a model of its own, and `settings.of(ThatModel)` is its values.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.domain.near_names import nearest_name
from temple_ledger.domain.url import url_fault
from temple_ledger.infrastructure.embedded_postgres.state_dir import default_state_dir
from temple_ledger.infrastructure.read_models.feed.sink_settings import SinkSettings
from temple_ledger.infrastructure.settings.faults import describe_fault, place_in
from temple_ledger.infrastructure.settings.faults import is_secret as is_secret
from temple_ledger.infrastructure.settings.files import (
    FILE,
    NAMES_MACHINE_FILE,
    OwnOfToml,
    absolute,
    credentials,
    machine_file,
    secret_folders,
    secret_source,
    toml_places,
    values_of,
)
from temple_ledger.infrastructure.settings.files import MACHINE_FILE as MACHINE_FILE
from temple_ledger.infrastructure.settings.files import secret_file as secret_file
from temple_ledger.infrastructure.settings.files import toml_files as toml_files
from temple_ledger.infrastructure.settings.spelling import PREFIX as PREFIX
from temple_ledger.infrastructure.settings.spelling import setting_meant, variable_of
from temple_ledger.infrastructure.settings.urls import Dsn, PushUrl, SecretWebUrl


def _in_one_word(secret: SecretStr) -> SecretStr:
    word = secret.get_secret_value().strip()
    if " " in word or not word.isprintable():
        raise ValueError("it has a space or a line break in it, and is one word")
    return SecretStr(word)


Token = Annotated[SecretStr, AfterValidator(_in_one_word)]
"""A secret that is sent in a header: it may have been pasted with what stands around it, but is one word."""


class SourceSettings(BaseSettings):
    """What a source may be set to: derive from it. A field `shop_secret` is TEMPLE_SHOP_SECRET, or a secret file of
    that name, or `shop_secret` in temple.toml; begin its name with the source's. Blank means not set, for a field
    whose default is None."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _none_if_blank(cls, value: object, info: ValidationInfo) -> object:
        """So that `--database-url ''` asks for the embedded database, whatever else says otherwise."""
        blank = isinstance(value, str) and not value.strip()
        return None if blank and cls.model_fields[str(info.field_name)].default is None else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = (OwnOfToml(settings_cls, file) for file in toml_places())
        return (init_settings, env_settings, secret_source(settings_cls), *files)


Model = TypeVar("Model", bound=SourceSettings)


class Settings(SourceSettings):
    """Every setting of the core, with its default and what it does."""

    _of_sources: dict[type[SourceSettings], Any] = PrivateAttr(default_factory=dict)
    _own: Mapping[str, object] | None = PrivateAttr(default=None)

    config_file: Path | None = Field(
        default_factory=lambda: machine_file(),
        description="the machine's file of settings, read below the temple.toml of the current directory; "
        "only TEMPLE_CONFIG_FILE sets it, and empty it means none",
    )
    home: Path = Field(
        default_factory=lambda: default_state_dir(os.environ),
        description="the state directory: embedded database, rejected lines",
    )
    database_url: SecretStr | None = Field(
        default=None, description="the DSN of a PostgreSQL to use in place of the embedded one"
    )
    read_url: Dsn | None = Field(
        default=None, description="the DSN of a standby of it, for the commands that only read, and for metrics"
    )
    services_as_owner: bool = Field(
        default=False,
        description="whether services may log in to that PostgreSQL as a superuser, or as the owner of the ledger",
    )
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None, description="what to log on stderr; by default info, and warning on a terminal"
    )
    operator: str | None = Field(
        default=None, description="the name that the operations journal records; by default the account"
    )

    nicknames: Path | None = Field(default=None, description="a file of names, by default nicknames.csv in home")

    metrics_host: str = Field(default="127.0.0.1", description="where a runner and a receiver listen for Prometheus")
    metrics_port: int = Field(
        default=9464, ge=0, le=65_535, description="the port of a runner's metrics; 0 switches them off"
    )
    metrics_token: Token | None = Field(
        default=None,
        description="the bearer token that a scrape has to send; needed where metrics_host is not this machine",
    )
    pushgateway: PushUrl | None = Field(
        default=None, description="the URL of a Prometheus Pushgateway, to which reconciliations push their result"
    )
    reconcile_every_seconds: float = Field(
        default=900.0, ge=0, allow_inf_nan=False, description="how often a runner reconciles; 0 switches it off"
    )
    reconcile_repair_below: int = Field(
        default=10, ge=0, description="a reconciliation that finds fewer differences than this repairs them by itself"
    )

    token_key: Token | None = Field(
        default=None,
        description="the key that tokens are stored encrypted with, 32 bytes in base64, and older ones after a comma; "
        "by default the file token-key in home, which temple up makes",
    )

    sinks: dict[str, SinkSettings] = Field(
        default={}, description="where messages of effects go, by name: a table of temple.toml, or JSON"
    )
    effects_keep_days: int = Field(default=7, ge=1, description="delivered messages are deleted after so many days")

    seal_every_seconds: float = Field(
        default=60.0,
        ge=0,
        allow_inf_nan=False,
        description="how long an event waits at most before it is sealed; a thousand are sealed at once",
    )
    seal_head_file: Path | None = Field(
        default=None,
        description="the file to which a sealer appends the head of the chain; by default seals/heads.jsonl in home",
    )
    seal_webhook: SecretWebUrl | None = Field(
        default=None, description="the URL to which a sealer posts the head of the chain, at most once a minute"
    )

    receive_host: str = Field(default="127.0.0.1", description="the address on which the receiver listens")
    receive_port: int = Field(default=8080, ge=0, le=65535, description="its port; 0 takes a free one")
    receive_metrics_port: int = Field(
        default=9465, ge=0, le=65535, description="the port of the receiver's own metrics; 0 switches them off"
    )
    receive_proxies: str = Field(
        default="127.0.0.1,::1",
        description="the proxies whose X-Forwarded-For is trusted, separated by commas; * trusts everybody",
    )
    web_host: str = Field(default="127.0.0.1", description="the address of this machine where the console listens")
    web_port: int = Field(default=8420, ge=0, le=65_535, description="the port of the console; 0 takes a free one")
    web_url: str | None = Field(default=None, description="where others see the console")
    web_database_url: Dsn | None = Field(default=None, description="the DSN of the console's login, which reads")
    web_sign_in_database_url: Dsn | None = Field(default=None, description="the DSN of its login for signing in")
    web_actions_database_url: Dsn | None = Field(default=None, description="the DSN of its login for actions")
    web_proxies: str | None = Field(default=None, description="the addresses of the console's proxies, by commas")
    web_proxy_secret: Token | None = Field(default=None, description="by which a proxy is believed whom it signed in")
    web_proxy_operate: str | None = Field(default=None, description="whom of these may operate, by commas")
    web_proxy_bodies: str | None = Field(default=None, description="whom of these may see deliveries as they came")
    inbox_keep_days: int = Field(default=90, ge=1, description="after so many days, translated deliveries are deleted")

    fleet_file: Path | None = Field(
        default=None, description="the file of ledgers that temple fleet looks after, for your account only"
    )

    archive: str | None = Field(
        default=None, description="where the archive of the log is: a folder, or a URL such as s3://bucket/ledger"
    )
    archive_grace_seconds: float = Field(
        default=3600.0,
        ge=0,
        allow_inf_nan=False,
        description="how long a file of the archive that was merged into another one stays for whoever is reading it",
    )
    workers_without_database: bool = Field(
        default=False,
        description="the workers of temple replay --archive reach no database: they fold, and the command writes",
    )

    @field_validator("home", mode="before")
    @classmethod
    def _named(cls, home: object) -> object:
        if isinstance(home, str) and not home.strip():
            raise ValueError("it is empty; leave it out for the default")
        return home

    @field_validator("web_url")
    @classmethod
    def _https(cls, url: str | None) -> str | None:
        if url is not None and (url_fault(url, ("https",)) is not None or not re.fullmatch(r"https://[^/?#@ ]+", url)):
            raise ValueError(f"it is {url!r}, and has to be https:// and a name, without anything behind it")
        return url

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        try:
            return home.expanduser().absolute()
        except RuntimeError:
            raise ValueError("there is no home directory to put in the place of ~") from None

    def of(self, model: type[Model]) -> Model:
        """The settings of a source, by its model. Raises SettingsInvalid."""
        if model not in self._of_sources:
            self._of_sources[model] = _load(model, {} if self._own is None else _only(model, self._own))
        found: Model = self._of_sources[model]
        return found

    def of_ledger(self, core: Mapping[str, object], own: Mapping[str, object]) -> "Settings":
        """For one ledger of several in a process: with these settings of the core, as `load_settings` would make them,
        and of the sources' settings only those in *own*: what the process has is of no ledger. Raises SettingsInvalid.
        """
        found = self.model_copy(update=dict(core))
        found._of_sources, found._own = {}, own
        return found


def _only(model: type[SourceSettings], own: Mapping[str, object]) -> dict[str, object]:
    """Every setting of the model is given, so that none is looked for elsewhere."""
    fields = model.model_fields.items()
    return {name: own.get(name, field.get_default(call_default_factory=True)) for name, field in fields}


@dataclass(frozen=True)
class Setting:
    """`place`: where its value comes from, in words."""

    name: str
    value: object
    place: str
    meaning: str | None


def load_settings(flags: Mapping[str, Any]) -> Settings:
    """Those of the core; those of a source are loaded by `of`.

    Raises SettingsInvalid, with the name of the setting; never with its value.
    """
    return _load(Settings, {name: value for name, value in flags.items() if value is not None})


def check_settings(
    settings: Settings, models: Iterable[type[SourceSettings]], *, other_prefixes: Sequence[str] = ()
) -> None:
    """Refuses a value that the installed sources cannot take, and a name in temple.toml that nobody has.

    *other_prefixes* begin names that somebody may have: a source that could not be loaded. Raises SettingsInvalid.
    """
    known = [name for name in setting_names(models) if name != "config_file"]
    for file in toml_places():
        for name in values_of(file):
            if name not in known and not name.startswith(tuple(other_prefixes)):
                near = setting_meant(variable_of(name), known) or setting_meant(name.upper(), known)
                meant = ", perhaps of a source that is not installed here" if near is None else f"; did you mean {near}"
                raise SettingsInvalid(f"{absolute(file)} has a setting {name!r}{meant}; there are {', '.join(known)}")
    for model in models:
        settings.of(model)


def require_well_spelt(models: Iterable[type[SourceSettings]]) -> None:
    """Before anything is loaded: a variable in other letters may be taken for a setting, and blamed for its value.

    Raises SettingsInvalid for a variable, or a secret file, whose name is nearly that of a setting.
    """
    known = list(setting_names(models))
    for variable, value in os.environ.items():
        if value and variable not in map(variable_of, known):
            _refuse_misspelt(setting_meant(variable.upper(), known), f"environment variable {variable}")
        elif not _is_text(value):
            raise SettingsInvalid(f"environment variable {variable} is not UTF-8")
    for folder in secret_folders():
        for file in sorted(folder.iterdir()):
            # of a secret file, any case will do
            name = file.name.upper()
            if name not in map(variable_of, known):
                meant = setting_meant(name, known)
                if meant is None and folder == credentials():
                    # whatever lies there was given to us
                    meant = nearest_name(name.lower().replace("-", "_"), known)
                _refuse_misspelt(meant, f"secret file {file}")


def _refuse_misspelt(meant: str | None, place: str) -> None:
    if meant is not None:
        raise SettingsInvalid(f"{place} is no setting; did you mean {variable_of(meant)}? Rename it, or remove it")


def _is_text(value: str) -> bool:
    """Bytes that are no UTF-8 stand in it as halves of characters."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def setting_names(models: Iterable[type[SourceSettings]]) -> Iterator[str]:
    """Of the core and of the given models."""
    every: list[type[SourceSettings]] = [Settings, *models]
    for model in every:
        yield from model.model_fields


def list_settings(
    settings: Settings, models: Iterable[type[SourceSettings]], flags: Mapping[str, Any]
) -> Iterator[Setting]:
    loaded: list[SourceSettings] = [settings, *map(settings.of, models)]
    for each in loaded:
        for name, field in type(each).model_fields.items():
            yield Setting(name, getattr(each, name), origin_of(type(each), name, flags), field.description)


def _load(model: type[Model], given: Mapping[str, Any]) -> Model:
    try:
        return model(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        place, fault = origin_of(model, name, given), describe_fault(model.model_fields[name], first)
        raise SettingsInvalid(f"setting {place_in(first['loc'])} ({place}): {fault}") from None
    except SettingsError as error:
        raise SettingsInvalid(_undecodable(model, given, error)) from None
    except OSError as error:
        raise SettingsInvalid(f"{error.filename or FILE} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsInvalid("a secret file is not UTF-8") from None


def _undecodable(model: type[SourceSettings], given: Mapping[str, Any], error: SettingsError) -> str:
    """pydantic names the field, and quotes its value where it is no JSON."""
    name = next(each for each in model.model_fields if f'field "{each}"' in str(error))
    return f"setting {name} ({origin_of(model, name, given)}): it has to be JSON; or write a table in {FILE}"


def origin_of(model: type[SourceSettings], name: str, flags: Mapping[str, Any]) -> str:
    if flags.get(name) is not None:
        return f"flag --{name.replace('_', '-')}"
    if os.environ.get(f"{PREFIX}{name}".upper()) or (name == "config_file" and NAMES_MACHINE_FILE in os.environ):
        return f"environment, {PREFIX}{name.upper()}"
    file = secret_file(name)
    if file is not None:
        return f"secret file {file}"
    for each in toml_places():
        if name in OwnOfToml(model, each)():
            return absolute(each)
    return "default"
