"""What a sink may be set to."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

from temple_ledger.domain.errors import SettingsInvalid
from temple_ledger.domain.url import url_fault


class SinkSettings(BaseModel):
    """Where the messages of effects go that name it; which fields it needs depends on its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: str
    url: str | None = None
    channel: str | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None

    @field_validator("url")
    @classmethod
    def _usable(cls, url: str | None) -> str | None:
        if url is not None and (fault := url_fault(url, may_log_in=True)) is not None:
            raise ValueError(fault)
        return url

    def secret_text(self) -> str | None:
        """Raises SettingsInvalid where the file cannot be read."""
        if self.secret is not None or self.secret_file is None:
            return None if self.secret is None else self.secret.get_secret_value().strip()
        try:
            return self.secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"{self.secret_file} cannot be read ({type(error).__name__})") from None
