"""The keys that tokens of a source are encrypted with in the database: TEMPLE_TOKEN_KEY, or a file made by `temple up`.

So a dump, a backup or a login that reads too much gives nobody a token. The first key encrypts; what an older one
encrypted is read with that, and encrypted again.
"""

import os
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from temple_ledger.domain.errors import Refused, SettingsInvalid
from temple_ledger.infrastructure.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

FILE: Final = "token-key"
KEY_BYTES: Final = 32
DIGEST_BYTES: Final = 8
HOW_TO_MAKE_ONE: Final = "make one with: openssl rand -base64 32"


class TokenKeys:
    """At least one key, the newest first."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._by_digest = {_digest(key): key for key in keys}
        self.digest = _digest(keys[0])
        """Of the key that encrypts; it says which one it was, and not what it is."""

    def encrypt(self, kind: str, token: str) -> str:
        """*kind* says what it is, so that one token does not pass for another."""
        return _fernet(self._by_digest[self.digest]).encrypt(f"{kind} {token}".encode()).decode()

    def required(self, digest: bytes) -> bytes:
        """The key of that digest. Raises Refused where there is another one."""
        key = self._by_digest.get(bytes(digest))
        if key is None:
            raise Refused(
                "the stored tokens are encrypted with another key than TEMPLE_TOKEN_KEY; set that one (after a new one "
                "and a comma), or give a new pair of tokens"
            )
        return key

    def decrypt(self, kind: str, stored: str, digest: bytes) -> str:
        """Raises Refused where none of the keys did it, or where what is stored was changed."""
        from cryptography.fernet import InvalidToken

        key = self.required(digest)
        try:
            found, _, token = _fernet(key).decrypt(stored.encode()).decode().partition(" ")
        except InvalidToken:
            found = token = ""
        if found != kind:
            raise Refused("the stored tokens were changed by somebody; give a new pair of tokens")
        return token


def token_keys(settings: Settings) -> TokenKeys | None:
    """None where there is neither a setting nor the file. Raises SettingsInvalid, Refused for an unreadable file."""
    if settings.token_key is not None:
        return TokenKeys(_parsed(settings.token_key.get_secret_value(), "TEMPLE_TOKEN_KEY"))
    file = settings.home / FILE
    try:
        text = file.read_text("ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise Refused(f"{file} cannot be read ({type(error).__name__}): run temple as its owner") from None
    return TokenKeys(_parsed(text, str(file)))


def make_token_key(settings: Settings) -> None:
    """The file, for this account only, where there is no key yet. Raises as `token_keys` does."""
    if token_keys(settings) is not None:
        return
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = settings.home / FILE
    unfinished = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(b64encode(os.urandom(KEY_BYTES)) + b"\n")
            written.flush()
            os.fsync(written.fileno())
        _link(unfinished, file)
    finally:
        unfinished.unlink()


def _link(unfinished: Path, file: Path) -> None:
    """Whole or not at all; another process may have made one meanwhile, and that one counts."""
    try:
        file.hardlink_to(unfinished)
    except FileExistsError:
        return


def _parsed(text: str, where: str) -> list[bytes]:
    keys = []
    for word in text.strip().split(","):
        try:
            key = b64decode(word.strip().replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise SettingsInvalid(f"{where} has to hold {KEY_BYTES} random bytes in base64; {HOW_TO_MAKE_ONE}")
        keys.append(key)
    return keys


def _digest(key: bytes) -> bytes:
    return sha256(b"the key of tokens\0" + key).digest()[:DIGEST_BYTES]


def _fernet(key: bytes) -> "Fernet":
    from cryptography.fernet import Fernet

    return Fernet(urlsafe_b64encode(key))
