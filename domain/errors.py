"""Every error of ours, in one tree. What never leaves its own room is declared there, below one of these.

LedgerError
├── InvalidEvent             a fact that the log does not accept, with the reason
│   ├── UndecodableEvent     the same, found in a row that is in the log already
│   │   └── NewerVersion     its version is newer than this process knows
│   └── FutureEvent          its time has not come yet
├── EventConflict            an event_id that is in the log with another content
├── UnreadableFile           a file of events in a form that is not read, or damaged
├── ArchiveDamaged           a file of an archive that is missing, was altered, or is not this ledger's
├── ArchiveUnavailable       the place of an archive does not answer, or is of a kind that is not installed
├── ExtraMissing             packages that only some commands need are not installed
├── UnknownName              a projection, member, role or position that is not there
│   └── UnknownMember        nobody of that id; where it is a name, the message says how to find the id
├── AmbiguousName            a name that several roles have
├── SettingsInvalid          a setting that cannot be what it is, or a file of settings that cannot be read
├── UnreadableDelivery       what a source sent is not what it documents
├── EndlessFold              an author's rule did not return, and was ended
├── RuleEndedProcess         an author's rule ended the process in which it was folded
├── NotFoldedInTime          a projection has not folded a position when the time to wait was over
├── DatabaseUnavailable      no connection, or lost while we worked
│   └── GrantMissing         it answered that the role may not: whoever waits may be granted it meanwhile
├── PlatformUnavailable      Discord or Patreon did not answer, or not as documented
├── PlatformRefuses          Discord or Patreon answered no: first somebody has to change something there
├── CannotListen             an address that is not this machine's, or a port that is taken
├── StillRunning             a process of ours that did not end when it was asked to
├── SchemaMismatch           the database and this code do not fit together
│   └── RoleNotGranted       the login may not act as the role that this needs
├── UnsafeLog                a condition of the gap proof does not hold: reading would lose events
├── LogChanged               the log is not what was sealed: nothing is computed from it unasked
├── Refused                  asked for, understood, and not done, to protect what is there
│   ├── StaleCheckpoint      somebody else moved the projection on: what we computed is void
│   ├── NotLeader            another runner holds the lease
│   ├── LanesApart           the lanes of a split projection stand too far apart to be brought together here
│   ├── AlreadyRunning       another process does what only one may do on a ledger
│   └── HeldBack             a snapshot of a source that is not applied
├── EventMisdeclared         an event class that cannot work as its author declared it
└── ProjectionMisdeclared    a projection that cannot work as its author declared it
"""

import re
from collections.abc import Callable, Mapping
from errno import EADDRINUSE
from shlex import quote
from typing import Any, Final, Self

from temple_ledger.domain.position import Position

_IS_ID: Final = re.compile(r"(patreon:)?[0-9]+")


class LedgerError(Exception):
    """One sentence for whoever reads it: what is wrong, where, and what to do.

    Between processes it is the same error: made anew with its sentence and fields, without `__init__`, which takes
    other arguments in most of the classes below.
    """

    def __reduce__(
        self,
    ) -> "tuple[Callable[..., LedgerError], tuple[type[LedgerError], *tuple[Any, ...]], dict[str, Any]]":
        return _remade, (type(self), *self.args), self.__dict__


def _remade(error: type[LedgerError], *args: object) -> LedgerError:
    return error.__new__(error, *args)


class InvalidEvent(LedgerError):
    """A fact that the log does not accept. `reason` reads well after "line 7: "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UndecodableEvent(InvalidEvent):
    """A row of the log, of a known type, that its model refuses."""


class NewerVersion(UndecodableEvent):
    """A newer process can read it."""


class FutureEvent(InvalidEvent):
    """The reason names the time and nothing else of the event, so that it may be shown anywhere."""


class EventConflict(LedgerError):
    def __init__(self, event_id: str, position: Position) -> None:
        super().__init__(
            f"event_id {event_id} is in the log at position {position} with another content; "
            "the log keeps the first, give the new fact an id of its own"
        )
        self.event_id = event_id
        self.position = position


class UnreadableFile(LedgerError):
    pass


class ArchiveDamaged(LedgerError):
    pass


class ArchiveUnavailable(LedgerError):
    pass


class ExtraMissing(LedgerError):
    def __init__(self, command: str) -> None:
        super().__init__(f"this needs packages that are not installed here; run: {command}")


class UnknownName(LedgerError):
    """`near` holds names that may have been meant, best first."""

    def __init__(self, kind: str, name: str, near: tuple[str, ...] = (), *, advice: str = "") -> None:
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"no {kind} {name!r}{hint}{advice}")
        self.kind = kind
        self.name = name
        self.near = near


class UnknownMember(UnknownName):
    """Members are named by their ids; people type what somebody is called."""

    def __init__(self, user_id: str, near: tuple[str, ...] = (), *, kind: str = "member") -> None:
        find = f"; members go by their id, which is found by: temple member find {quote(user_id)}"
        super().__init__(kind, user_id, near, advice="" if near or _IS_ID.fullmatch(user_id) else find)


class AmbiguousName(LedgerError):
    """*candidates* are ids, each with how it is shown."""

    def __init__(self, name: str, candidates: Mapping[str, str], *, kind: str = "roles") -> None:
        ids = ", ".join(candidates.values())
        super().__init__(f"{len(candidates)} {kind} are called {name!r}: {ids}; give the id")
        self.roles = tuple(candidates)


class SettingsInvalid(LedgerError):
    pass


class UnreadableDelivery(LedgerError):
    """The message never repeats what was sent."""


class DatabaseUnavailable(LedgerError):
    pass


class GrantMissing(DatabaseUnavailable):
    pass


class PlatformUnavailable(LedgerError):
    pass


class PlatformRefuses(LedgerError):
    pass


class CannotListen(LedgerError):
    """`is_taken`: another process listens there."""

    def __init__(self, sentence: str, *, is_taken: bool) -> None:
        super().__init__(sentence)
        self.is_taken = is_taken

    @classmethod
    def on(cls, host: str, port: int, error: OSError) -> Self:
        reason = (error.strerror or str(error)).lower()
        return cls(f"cannot listen on {host} port {port}: {reason}", is_taken=error.errno == EADDRINUSE)


class StillRunning(LedgerError):
    pass


class SchemaMismatch(LedgerError):
    pass


class RoleNotGranted(SchemaMismatch):
    pass


class UnsafeLog(LedgerError):
    pass


class LogChanged(LedgerError):
    pass


class Refused(LedgerError):
    pass


class StaleCheckpoint(Refused):
    pass


class NotLeader(Refused):
    pass


class LanesApart(Refused):
    pass


class AlreadyRunning(Refused):
    """Another process does on this ledger what only one may do; the sentence says which."""


class HeldBack(Refused):
    """With `flag` a person who has looked at the snapshot has it applied all the same; None: nobody can."""

    def __init__(self, sentence: str, *, flag: str | None) -> None:
        super().__init__(sentence)
        self.flag = flag


class ProjectionMisdeclared(LedgerError):
    pass


class EventMisdeclared(LedgerError):
    pass


class EndlessFold(LedgerError):
    """`what` names the member, the event and the place in the author's code."""

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"a rule did not return within {seconds:g} s and was ended, so nothing was changed: {what}")
        self.what = what


class RuleEndedProcess(LedgerError):
    """`how` it ended: a signal or an exit code; `about` is who was folded then."""

    def __init__(self, how: str, about: str) -> None:
        super().__init__(
            f"a rule ended the process in which it was folded, {how}, and nothing was changed; "
            f"it was folding {about or 'the first one'}"
        )
        self.how = how
        self.about = about


class NotFoldedInTime(LedgerError):
    """`position` is where the projection stands, `wanted` where it was to be; `without_leader`: who is missing."""

    def __init__(
        self, projection: str, position: Position, wanted: Position, seconds: float, without_leader: str | None
    ) -> None:
        nobody = "" if without_leader is None else f"; {without_leader}; start a runner: temple run"
        super().__init__(f"{projection} is at position {position}, not yet at {wanted}, after {seconds:g} s{nobody}")
        self.position = position
        self.wanted = wanted
