"""What the program says of its own work: to stderr, for people on a terminal, as JSON lines otherwise.

Never a payload, a token, a DSN or an e-mail: what looks like one is taken out, wherever it stands.
"""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import Processor

from temple_ledger.infrastructure.observability.redaction import REDACTED, SECRET_KEYS, scrubbed

LEVELS: Final = ("debug", "info", "warning", "error")


def log_to_stderr(level: str | None) -> None:
    """None: info, but on a terminal, where somebody reads what the command itself says, warning."""
    on_terminal = sys.stderr.isatty()
    number = logging.getLevelNamesMapping()[(level or ("warning" if on_terminal else "info")).upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            _renderer(on_terminal),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forwarding()], level=max(number, logging.WARNING), force=True)


def _renderer(on_terminal: bool) -> Processor:
    if on_terminal:
        return structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _to_stderr(*_: object) -> structlog.PrintLogger:
    """Whatever stderr is by now: a progress bar stands in for it while it is drawn."""
    return structlog.PrintLogger(sys.stderr)


def _without_secrets(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: REDACTED if SECRET_KEYS.fullmatch(key) else _clean(value) for key, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, Mapping):
        return {key: REDACTED if SECRET_KEYS.fullmatch(str(key)) else _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    return value


class _Forwarding(logging.Handler):
    """Records of libraries that know only the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(record.levelno, record.getMessage())
