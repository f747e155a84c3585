"""Links that sign somebody in once, and sessions: over a login of its own, on which no page's statement ever runs."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from temple_ledger.infrastructure.database.pool import Pool
from temple_ledger.infrastructure.database.statements import statement
from temple_ledger.infrastructure.web.rights import EVERY, Right

LINK_SECONDS: Final = 600
IDLE_SECONDS: Final = 12 * 3_600
SESSION_SECONDS: Final = 7 * 86_400
RANDOM_BYTES: Final = 32
SALT_BYTES: Final = 16
OURS: Final = ("", "local", "proxy")
"""How people are signed in who have no id on a platform."""


@dataclass(frozen=True)
class WebSession:
    """Somebody who is signed in. `secret` is what their browser sends back, `digest` all that is stored of it.

    `how` they signed in: link, proxy, or the name of a source.
    """

    id: int
    person: str
    rights: frozenset[Right]
    secret: str = field(repr=False)
    how: str = "link"

    @property
    def digest(self) -> bytes:
        return digest_of(self.secret)

    def form_token(self) -> str:
        """Goes into each form of a page: another one each time, so that compression gives nothing away."""
        salt = secrets.token_hex(SALT_BYTES)
        return f"{salt}{self._tag(salt)}"

    def made_form_token(self, token: str) -> bool:
        """Whether it came from a page of this session."""
        salt, tag = token[: 2 * SALT_BYTES], token[2 * SALT_BYTES :]
        return hmac.compare_digest(tag.encode(), self._tag(salt).encode())

    def _tag(self, salt: str) -> str:
        return hmac.new(self.digest, f"form {salt}".encode(), hashlib.sha256).hexdigest()


def account_of(person: str) -> str:
    """The id of somebody who signed in through a platform; empty for one of this machine, or of a proxy."""
    how, found, name = person.partition(":")
    return name if found and how not in OURS else ""


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def make_link(connection: psycopg.Connection[Any], person: str, rights: Sequence[Right] = EVERY) -> str:
    """The random part of a link, good for ten minutes and one use. The connection is one of temple_web's."""
    secret = secrets.token_urlsafe(RANDOM_BYTES)
    made = {"digest": digest_of(secret), "person": person, "rights": list(rights), "seconds": LINK_SECONDS}
    connection.execute(statement("web_link_make"), made)
    return secret


class SignIn:
    """Raises DatabaseUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def link_is_good(self, secret: str) -> bool:
        with self._pool.connection() as connection:
            found = connection.execute(statement("web_link_there"), {"digest": digest_of(secret)}).fetchone()
        return found == (True,)

    def use_link(self, secret: str) -> str | None:
        """The secret of a new session; None for a link that is used, too old, or never was."""
        with self._pool.connection() as connection, connection.transaction():
            row = connection.execute(statement("web_link_use"), {"digest": digest_of(secret)}).fetchone()
            if row is None:
                return None
            connection.execute(statement("web_expired_forget"))
            person, rights = row
            return self._begun(connection, person, rights, "link")

    def begin(self, person: str, rights: Collection[Right], how: str) -> str:
        """The secret of a new session of somebody whom a platform or a proxy has signed in."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute(statement("web_expired_forget"))
            return self._begun(connection, person, sorted(rights), how)

    def session(self, secret: str) -> WebSession | None:
        """None where there is none, or none any more."""
        if not secret or not secret.isascii():
            return None
        with self._pool.connection() as connection:
            row = connection.execute(statement("web_session_read"), {"digest": digest_of(secret)}).fetchone()
        if row is None:
            return None
        number, person, rights, how = row
        return WebSession(number, person, frozenset(Right(each) for each in rights if each in list(Right)), secret, how)

    def set_rights(self, session: WebSession, rights: Collection[Right]) -> None:
        """Which the database asks for as well, before it shows a body."""
        with self._pool.connection() as connection:
            connection.execute(statement("web_session_rights"), {"id": session.id, "rights": sorted(rights)})

    def end(self, session: WebSession) -> None:
        self._revoke(None, session.digest)

    def revoke(self, number: int) -> None:
        self._revoke(number, None)

    def body(self, session: WebSession, delivery: int) -> bytes | None:
        """As it came; None where there is no such delivery. The database asks for the right once more."""
        with self._pool.connection() as connection:
            asked = {"digest": session.digest, "delivery": delivery}
            row = connection.execute(statement("web_delivery_body"), asked).fetchone()
        return None if row is None or row[0] is None else bytes(row[0])

    def _begun(self, connection: psycopg.Connection[Any], person: str, rights: Collection[str], how: str) -> str:
        secret = secrets.token_urlsafe(RANDOM_BYTES)
        begun = {
            "digest": digest_of(secret),
            "person": person,
            "rights": list(rights),
            "how": how,
            "idle_seconds": IDLE_SECONDS,
            "seconds": SESSION_SECONDS,
        }
        connection.execute(statement("web_session_begin"), begun)
        return secret

    def _revoke(self, number: int | None, digest: bytes | None) -> None:
        with self._pool.connection() as connection:
            connection.execute(statement("web_session_revoke"), {"id": number, "digest": digest})
