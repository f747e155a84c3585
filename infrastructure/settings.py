"""Configuration: a flag, then TEMPLE_* in the environment, a secret file, temple.toml, and the default.

A secret file is named like the variable, in any case, in $CREDENTIALS_DIRECTORY (systemd) or /run/secrets;
temple.toml is that of the current directory, and below it the machine's, /etc/temple-ledger/temple.toml.
`Settings` are the core's own; each source declares a model of its own, and `settings.of(ThatModel)` is its values.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
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
    SecretsSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.domain.near_kinds import within_one_edit
from temple_ledger.domain.near_names import nearest_name
from temple_ledger.infrastructure.embedded_postgres.state_dir import default_state_dir
from temple_ledger.infrastructure.read_models.feed.sink_settings import SinkSettings

FILE: Final = "temple.toml"
MACHINE_FILE: Final = Path("/etc/temple-ledger") / FILE
PREFIX: Final = "TEMPLE_"
NO_SETTINGS: Final = frozenset({"debug", "complete"})
"""Variables of ours that are read before there are settings."""
OUR_OWN: Final = "Value error, "
"""What pydantic puts before a sentence of ours."""
NAMES_MACHINE_FILE: Final = f"{PREFIX}CONFIG_FILE"
"""Names another file in the place of the machine's; empty, there is none."""


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
        files = (_OwnOfToml(settings_cls, file) for file in _toml_files())
        return (init_settings, env_settings, _secret_files(settings_cls), *files)


Model = TypeVar("Model", bound=SourceSettings)


class Settings(SourceSettings):
    """Every setting of the core, with its default and what it does."""

    _of_sources: dict[type[SourceSettings], Any] = PrivateAttr(default_factory=dict)

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
    pushgateway: str | None = Field(
        default=None, description="the URL of a Prometheus Pushgateway, to which reconciliations push their result"
    )
    reconcile_every_seconds: float = Field(
        default=900.0, ge=0, allow_inf_nan=False, description="how often a runner reconciles; 0 switches it off"
    )
    reconcile_repair_below: int = Field(
        default=10, ge=0, description="a reconciliation that finds fewer differences than this repairs them by itself"
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
    seal_webhook: SecretStr | None = Field(
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
    web_url: str | None = Field(
        default=None, pattern=r"^https://[^/?#@ ]+$", description="where others see the console"
    )
    web_database_url: SecretStr | None = Field(default=None, description="the DSN of the console's login, which reads")
    web_sign_in_database_url: SecretStr | None = Field(default=None, description="the DSN of its login for signing in")
    web_actions_database_url: SecretStr | None = Field(default=None, description="the DSN of its login for actions")
    web_proxies: str | None = Field(default=None, description="the addresses of the console's proxies, by commas")
    web_proxy_secret: Token | None = Field(default=None, description="by which a proxy is believed whom it signed in")
    web_proxy_operate: str | None = Field(default=None, description="whom of these may operate, by commas")
    web_proxy_bodies: str | None = Field(default=None, description="whom of these may see deliveries as they came")
    inbox_keep_days: int = Field(default=90, ge=1, description="after so many days, translated deliveries are deleted")

    archive: str | None = Field(
        default=None, description="where the archive of the log is: a folder, or a URL such as s3://bucket/ledger"
    )
    archive_grace_seconds: float = Field(
        default=3600.0,
        ge=0,
        allow_inf_nan=False,
        description="how long a file of the archive that was merged into another one stays for whoever is reading it",
    )

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        try:
            return home.expanduser().absolute()
        except RuntimeError:
            raise ValueError("there is no home directory to put in the place of ~") from None

    @field_validator("seal_webhook")
    @classmethod
    def _http(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("it has to begin with https:// or http://")
        return url

    def of(self, model: type[Model]) -> Model:
        """The settings of a source, by its model. Raises SettingsInvalid."""
        if model not in self._of_sources:
            self._of_sources[model] = _load(model, {})
        found: Model = self._of_sources[model]
        return found


def machine_file() -> Path | None:
    given = os.environ.get(NAMES_MACHINE_FILE)
    return MACHINE_FILE if given is None else Path(given) if given.strip() else None


class _Toml(TomlConfigSettingsSource):
    """All that one file has. Raises SettingsInvalid."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        try:
            return super()._read_file(file_path)
        except TOMLDecodeError as error:
            raise SettingsInvalid(f"{_absolute(file_path)} is not TOML: {error}") from None
        except UnicodeDecodeError:
            raise SettingsInvalid(f"{_absolute(file_path)} is not UTF-8") from None


class _OwnOfToml(_Toml):
    """What one file has of one model; `check_settings` sees to what belongs to none."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name in self.settings_cls.model_fields}


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
    for file in _toml_files():
        for name in _Toml(Settings, file)():
            if name not in known and not name.startswith(tuple(other_prefixes)):
                near = _setting_meant(_variable_of(name), known) or _setting_meant(name.upper(), known)
                meant = "" if near is None else f"; did you mean {near}"
                raise SettingsInvalid(f"{_absolute(file)} has a setting {name!r}{meant}; there are {', '.join(known)}")
    for model in models:
        settings.of(model)


def require_well_spelt(models: Iterable[type[SourceSettings]]) -> None:
    """Before anything is loaded: a variable in other letters may be taken for a setting, and blamed for its value.

    Raises SettingsInvalid for a variable, or a secret file, whose name is nearly that of a setting.
    """
    known = list(setting_names(models))
    for variable, value in os.environ.items():
        if value and variable not in map(_variable_of, known):
            _refuse_misspelt(variable, known, f"environment variable {variable}")
    for folder in _secret_folders():
        for file in sorted(folder.iterdir()):
            # of a secret file, any case will do
            if file.name.upper() not in map(_variable_of, known):
                _refuse_misspelt(file.name, known, f"secret file {file}")


def _refuse_misspelt(name: str, known: Sequence[str], place: str) -> None:
    near = _setting_meant(name.upper(), known)
    if near is not None:
        raise SettingsInvalid(f"{place} is no setting; did you mean {_variable_of(near)}? Rename it, or remove it")


def _variable_of(setting: str) -> str:
    return f"{PREFIX}{setting}".upper()


def _setting_meant(variable: str, known: Sequence[str]) -> str | None:
    """The setting that a variable in capitals most likely means; None for a variable of somebody else's.

    With our prefix, a name like that of a setting; with a prefix one letter off, the very name of one.
    """
    if variable.startswith(PREFIX):
        name = variable.removeprefix(PREFIX).lower()
        return None if name in NO_SETTINGS else nearest_name(name, known)
    prefix, _, rest = variable.partition("_")
    if within_one_edit(f"{prefix}_", PREFIX) and rest.lower() in known:
        return rest.lower()
    joined = variable.replace("_", "")
    return next((each for each in known if _variable_of(each).replace("_", "") == joined), None)


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
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        place = origin_of(model, str(first["loc"][0]), given) if first["loc"] else f"{FILE}, or a secret file"
        raise SettingsInvalid(f"setting {name} ({place}): {first['msg'].removeprefix(OUR_OWN)}") from None
    except OSError as error:
        raise SettingsInvalid(f"{error.filename or FILE} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsInvalid("a secret file is not UTF-8") from None


def secret_file(name: str) -> Path | None:
    """The file that would give this setting."""
    wanted = f"{PREFIX}{name}".lower()
    for folder in reversed(_secret_folders()):
        for file in sorted(folder.iterdir()):
            if file.name.lower() == wanted and file.is_file():
                return file
    return None


def toml_files() -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Each temple.toml in use, and all that it has. Raises SettingsInvalid."""
    for file in _toml_files():
        if file.exists():
            yield file.absolute(), _Toml(Settings, file)()


def is_secret(annotation: object) -> bool:
    """Whether a value of that type is one, or has one in it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(is_secret(field.annotation) for field in annotation.model_fields.values())
    return annotation is SecretStr or any(map(is_secret, get_args(annotation)))


def origin_of(model: type[SourceSettings], name: str, flags: Mapping[str, Any]) -> str:
    if flags.get(name) is not None:
        return f"flag --{name.replace('_', '-')}"
    if os.environ.get(f"{PREFIX}{name}".upper()) or (name == "config_file" and NAMES_MACHINE_FILE in os.environ):
        return f"environment, {PREFIX}{name.upper()}"
    file = secret_file(name)
    if file is not None:
        return f"secret file {file}"
    for each in _toml_files():
        if name in _OwnOfToml(model, each)():
            return _absolute(each)
    return "default"


def _toml_files() -> list[Path]:
    """The stronger first. Either may be missing, but one that TEMPLE_CONFIG_FILE names may not.

    Raises SettingsInvalid.
    """
    machine = machine_file()
    if machine is None:
        return [Path(FILE)]
    if NAMES_MACHINE_FILE in os.environ and not machine.is_file():
        raise SettingsInvalid(f"{NAMES_MACHINE_FILE} names {machine}, and there is no such file")
    return [Path(FILE), machine]


def _absolute(file: Path | Traversable) -> str:
    return str(file.absolute() if isinstance(file, Path) else file)


def _secret_files(settings_cls: type[BaseSettings]) -> SecretsSettingsSource:
    return SecretsSettingsSource(settings_cls, secrets_dir=[str(folder) for folder in _secret_folders()] or None)


def _secret_folders() -> list[Path]:
    """Those that there are; what the last one says counts."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    folders = [Path("/run/secrets"), *((Path(given),) if given else ())]
    return [folder for folder in folders if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)]
