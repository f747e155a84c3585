"""Settings that are URLs: their form is looked at when they are read, and not when something is sent there."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr

from temple_ledger.domain.url import GATEWAY, url_fault
from temple_ledger.infrastructure.database.dsn import FORM, fault_of


def _base(url: str) -> str:
    return _checked(url, url_fault(url, is_base=True))


def _gateway(url: str) -> str:
    return _checked(url, url_fault(url, GATEWAY))


def _secret(url: SecretStr) -> SecretStr:
    _checked("", url_fault(url.get_secret_value()))
    return url


def _with_scheme(url: object) -> object:
    """Prometheus's client takes `host:port` too."""
    return f"http://{url}" if isinstance(url, str) and url.strip() and "://" not in url else url


def _checked(url: str, fault: str | None) -> str:
    if fault is not None:
        raise ValueError(fault)
    return url


def _dsn(dsn: SecretStr) -> SecretStr:
    fault = fault_of(dsn.get_secret_value())
    _checked("", fault if fault is None or fault.endswith("?") else f"{fault}; {FORM}")
    return dsn


SecretWebUrl = Annotated[SecretStr, AfterValidator(_secret)]
"""One that lets in whoever has it."""
BaseUrl = Annotated[str, AfterValidator(_base)]
"""One that paths are put behind."""
PushUrl = Annotated[str, BeforeValidator(_with_scheme), AfterValidator(_base)]
Dsn = Annotated[SecretStr, AfterValidator(_dsn)]
"""`database_url` is none of these: whoever connects to it explains it, and some commands need no database."""
GatewayUrl = Annotated[str, AfterValidator(_gateway)]
