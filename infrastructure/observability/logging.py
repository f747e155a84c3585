"""What the program says of its own work: to stderr, for people on a terminal, as JSON lines otherwise.

Never a payload, a token, a DSN or an e-mail: what looks like one is taken out, wherever it stands.
"""

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from structlog.typing import Processor

from temple_ledger.infrastructure.observability.escaping import printable, printable_json
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
            *_renderer(on_terminal),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Forwarding()], level=max(number, logging.WARNING), force=True)


def _renderer(on_terminal: bool) -> Sequence[Processor]:
    if on_terminal:
        return (_printable, structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR")))
    return (structlog.processors.JSONRenderer(ensure_ascii=False), _printable_json)


class _ToStderr(structlog.PrintLogger):
    """A line that cannot be written ends nothing: a service goes on when the reader of its log has gone."""

    def msg(self, message: str) -> None:
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def _to_stderr(*_: object) -> structlog.PrintLogger:
    """Whatever stderr is by now: a progress bar stands in for it while it is drawn."""
    return _ToStderr(sys.stderr)


def _printable(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """What data carries does not steer the terminal, nor begin a line; a traceback has its own lines."""
    return {key: _in_lines(value) if key == "exception" else _shown(value) for key, value in event.items()}


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float) else printable(str(value))


def _in_lines(text: Any) -> str:
    return "\n".join(map(printable, str(text).split("\n")))


def _printable_json(_: object, __: str, line: Any) -> str:
    return printable_json(line)


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


_SECOND_ERROR: Final = "error ignored"
"""The driver's, of what failed because of an error that it raises: that one is what a person reads."""


class _Forwarding(logging.Handler):
    """Records of libraries that know only the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "psycopg" and str(record.msg).startswith(_SECOND_ERROR):
            return
        structlog.get_logger(record.name).log(record.levelno, record.getMessage())
