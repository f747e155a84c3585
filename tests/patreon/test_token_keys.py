"""Tokens are in the database encrypted, and nowhere else."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from temple_ledger.domain.errors import Refused, SettingsInvalid
from temple_ledger.infrastructure.database.connection import Database, DatabaseRole
from temple_ledger.infrastructure.settings import Settings
from temple_ledger.infrastructure.sources.patreon.source import PatreonSource
from temple_ledger.infrastructure.sources.patreon.tokens import Given, Tokens
from temple_ledger.infrastructure.sources.token_keys import FILE, TokenKeys, make_token_key, token_keys
from tests.cli.conftest import Typed, environment, home, temple  # noqa: F401 -- fixtures

OLD, NEW = b"o" * 32, b"n" * 32
PAIR = Given("the-access-token", "the-refresh-token", "client", "its secret")
REFRESHING = {
    "patreon_refresh_token": "the-refresh-token",
    "patreon_client_id": "client",
    "patreon_client_secret": "its-secret",
}
ASKING = {f"TEMPLE_{name.upper()}": value for name, value in REFRESHING.items()}
IN_CLEAR = (
    "insert into patreon_token values ('creator', 'the-access-token', 'the-refresh-token', %s, now(), "
    "now() + interval '1 day', now() + interval '30 days')"
)


def token(database: Database, *keys: bytes) -> str:
    tokens = Tokens(database, PAIR, url="http://127.0.0.1:1", keys=TokenKeys(keys))
    return asyncio.run(tokens.token())


def everything(database: Database) -> str:
    with database.connect(DatabaseRole.TOKENS) as connection:
        return str(connection.execute("select patreon_token::text from patreon_token").fetchall())


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    return lambda **given: Settings(home=tmp_path / "home", config_file=None, **given)


@pytest.fixture
def asking(settings: Callable[..., Settings]) -> Callable[..., Settings]:
    """With a pair of tokens that is refreshed."""
    return lambda **given: settings(**given).of_ledger({}, REFRESHING)


def test_a_pair_is_stored_encrypted(database: Database) -> None:
    assert token(database, NEW) == "the-access-token"
    assert "the-access-token" not in everything(database)
    assert "the-refresh-token" not in everything(database)


def test_a_pair_in_clear_is_encrypted_by_the_first_who_has_a_key(database: Database) -> None:
    with database.connect(DatabaseRole.TOKENS) as connection:
        connection.execute(IN_CLEAR, (PAIR.digest,))
    assert "the-access-token" in everything(database)
    assert token(database, NEW) == "the-access-token"
    assert "the-access-token" not in everything(database)
    assert token(database, NEW) == "the-access-token"


def test_a_new_key_before_the_old_one_encrypts_what_that_one_did(database: Database) -> None:
    token(database, OLD)
    assert token(database, NEW, OLD) == "the-access-token"
    assert token(database, NEW) == "the-access-token"


def test_another_key_is_refused_and_nothing_is_lost(database: Database) -> None:
    token(database, OLD)
    with pytest.raises(Refused, match="encrypted with another key than TEMPLE_TOKEN_KEY"):
        token(database, NEW)
    assert token(database, OLD) == "the-access-token"


@pytest.mark.parametrize("change", ["refresh_token", "reverse(access_token)", "'the-token-of-somebody'"])
def test_tokens_that_somebody_changed_are_refused(database: Database, change: str) -> None:
    token(database, NEW)
    with database.connect(DatabaseRole.TOKENS) as connection:
        connection.execute(f"update patreon_token set access_token = {change}".encode())
    with pytest.raises(Refused, match="were changed"):
        token(database, NEW)


def test_without_a_key_no_pair_is_asked_for_and_the_setting_is_named(database: Database) -> None:
    wanted = "set TEMPLE_TOKEN_KEY.* to the one that they were encrypted with; if none are stored yet, make one with"
    with pytest.raises(Refused, match=wanted):
        Tokens(database, PAIR, url="http://127.0.0.1:1", keys=None)


def test_a_token_that_is_never_refreshed_needs_no_key(database: Database) -> None:
    tokens = Tokens(database, Given("the-access-token"), url="http://127.0.0.1:1", keys=None)
    assert asyncio.run(tokens.token()) == "the-access-token"


def test_up_makes_a_key_of_this_account_alone_and_does_not_replace_it(settings: Callable[..., Settings]) -> None:
    assert token_keys(settings()) is None
    make_token_key(settings())
    file = settings().home / FILE
    made = file.read_bytes()
    make_token_key(settings())
    assert (file.stat().st_mode & 0o777, file.read_bytes()) == (0o600, made)
    assert [each.name for each in settings().home.iterdir()] == [FILE]
    found = token_keys(settings())
    assert found is not None
    assert found.decrypt("access", found.encrypt("access", "a"), found.digest) == "a"


def test_the_setting_goes_before_the_file(settings: Callable[..., Settings]) -> None:
    make_token_key(settings())
    found = token_keys(settings(token_key=b64encode(NEW).decode()))
    assert found is not None
    assert found.digest == TokenKeys([NEW]).digest


@pytest.mark.parametrize("given", ["short", "c2hvcnQ=", "\u00fc" * 44, b64encode(NEW).decode() + ","])
def test_what_is_no_key_is_refused_with_the_command_that_makes_one(
    settings: Callable[..., Settings], given: str
) -> None:
    with pytest.raises(SettingsInvalid, match=r"TEMPLE_TOKEN_KEY has to hold 32 random bytes.*openssl rand -base64 32"):
        token_keys(settings(token_key=given))


def sentences(database: Database, settings: Settings) -> list[str]:
    with database.connect(DatabaseRole.READ) as connection:
        return [each.what for each in PatreonSource().health(connection, settings).troubles]


def test_status_and_doctor_report_that_the_key_of_the_stored_tokens_is_missing(
    database: Database,
    temple: Typed,  # noqa: F811
) -> None:
    token(database, OLD)
    for verb, code in (("status", 0), ("doctor", 3)):
        without = temple(verb, **ASKING, TEMPLE_TOKEN_KEY=None)
        assert "encrypted, and there is no key: set TEMPLE_TOKEN_KEY" in without.stdout
        assert without.code == code
        assert "TOKEN_KEY" not in temple(verb, **ASKING, TEMPLE_TOKEN_KEY=b64encode(OLD).decode()).stdout


def test_that_the_key_is_another_one_is_reported_before_somebody_asks_patreon(
    database: Database, asking: Callable[..., Settings]
) -> None:
    token(database, OLD)
    old, new = b64encode(OLD).decode(), b64encode(NEW).decode()
    assert sentences(database, asking(token_key=old)) == sentences(database, asking(token_key=f"{new},{old}")) == []
    (other,) = sentences(database, asking(token_key=new))
    assert "encrypted with another key than TEMPLE_TOKEN_KEY" in other
    (unreadable,) = sentences(database, asking(token_key="short"))
    assert "TEMPLE_TOKEN_KEY has to hold 32 random bytes" in unreadable


def test_where_no_tokens_are_stored_or_in_use_no_key_is_missed(
    database: Database, settings: Callable[..., Settings], asking: Callable[..., Settings]
) -> None:
    assert sentences(database, asking()) == []
    token(database, OLD)
    assert sentences(database, settings()) == []
