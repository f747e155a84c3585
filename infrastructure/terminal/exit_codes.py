"""How a command ends, in numbers."""

from enum import IntEnum

from temple_ledger.domain.errors import (
    ArchiveUnavailable,
    DatabaseUnavailable,
    GrantMissing,
    LedgerError,
    LogChanged,
    PlatformUnavailable,
    Refused,
    SchemaMismatch,
    SettingsInvalid,
    UnsafeLog,
)


class ExitCode(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    FOUND = 3
    UNREACHABLE = 4
    REFUSED = 5
    INTERRUPTED = 130
    PIPE_CLOSED = 141


def exit_code_of(error: LedgerError) -> ExitCode:
    match error:
        case GrantMissing():
            return ExitCode.REFUSED
        case ArchiveUnavailable() | DatabaseUnavailable() | PlatformUnavailable():
            return ExitCode.UNREACHABLE
        case LogChanged():
            return ExitCode.FOUND
        case SettingsInvalid():
            return ExitCode.USAGE
        case Refused() | SchemaMismatch() | UnsafeLog():
            return ExitCode.REFUSED
        case _:
            return ExitCode.FAILED
