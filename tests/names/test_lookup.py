"""A name beside an id: from the listener's memory or a file, soon or not at all."""

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from temple_ledger.infrastructure.names.book import LONGEST_NAME, NameBook
from temple_ledger.infrastructure.names.lookup import NameLookup
from temple_ledger.infrastructure.names.name import PersonKind, PersonName
from temple_ledger.infrastructure.names.nicknames import FILE, NicknamesUnreadable, read_nicknames
from temple_ledger.infrastructure.names.server import SOCKET, serving_names
from tests.ending import LONG

ADA, BOB = "500000000000000001", "500000000000000002"
HOSTILE = 'a\nb"\u202e<script>\U0001f9a5'


def book_of(**names: str) -> NameBook:
    book = NameBook()
    for user_id, name in names.items():
        book.see(user_id.removeprefix("id"), PersonName(name))
    return book


def test_a_name_that_the_listener_has_seen_is_known_to_whoever_may_open_the_state_directory(tmp_path: Path) -> None:
    with serving_names(tmp_path, book_of(**{f"id{ADA}": HOSTILE})):
        assert NameLookup(tmp_path).of([ADA, BOB], deadline_seconds=5) == {ADA: PersonName(HOSTILE)}
        assert (tmp_path / SOCKET).stat().st_mode & 0o077 == 0
    assert not (tmp_path / SOCKET).exists()
    assert NameLookup(tmp_path).of([ADA]) == {}


def test_what_is_asked_for_and_not_known_is_wanted_once() -> None:
    book = book_of(**{f"id{ADA}": "Ada"})
    assert book.of([ADA, BOB]) == {ADA: PersonName("Ada")}
    assert book.wanted() == BOB
    book.has_none(BOB)
    book.of([BOB])
    assert book.wanted() is None


def test_the_book_is_bounded_and_what_was_asked_for_last_stays() -> None:
    book = NameBook(most_names=2)
    for user_id in "ab":
        book.see(user_id, PersonName(user_id * 1_000))
    book.of(["a"])
    book.see("c", PersonName("c"))
    assert {user_id: name.name for user_id, name in book.of("abc").items()} == {"a": "a" * LONGEST_NAME, "c": "c"}


def test_a_listener_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / SOCKET))
        deaf.listen()
        began = time.monotonic()
        assert NameLookup(tmp_path).of([ADA]) == {}
        # not the same as nobody of that name
        assert NameLookup(tmp_path).search("ada", seconds=0.1) == ({}, False)
        assert time.monotonic() - began < LONG  # it would be for ever


@pytest.mark.parametrize(
    "answered", ["", "\n", "no JSON\n", "[]\n", '{"names": {"a": 1}}\n', '{"names": {"a": ["n", 2, 3]}}\n']
)
def test_an_answer_that_is_none_is_no_name(tmp_path: Path, answered: str) -> None:
    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(answered.encode())

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / SOCKET))
        server.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        assert NameLookup(tmp_path).of([ADA], deadline_seconds=5) == {}
        thread.join()


@pytest.mark.parametrize("sent", [b"", b"\n", b"no JSON\n", b"[]\n", b'{"of": 5}\n', b'{"find": "a", "limit": []}\n'])
def test_a_request_that_is_none_ends_its_own_connection_only(tmp_path: Path, sent: bytes) -> None:
    with serving_names(tmp_path, book_of(**{f"id{ADA}": "Ada"})):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / SOCKET))
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1 << 16) == b""
        assert NameLookup(tmp_path).of([ADA], deadline_seconds=5) == {ADA: PersonName("Ada")}


def test_a_path_that_is_too_long_for_a_socket_is_reached_all_the_same(tmp_path: Path) -> None:
    home = tmp_path / ("d" * 120)
    with serving_names(home, book_of(**{f"id{ADA}": "Ada"})):
        assert NameLookup(home).of([ADA], deadline_seconds=5) == {ADA: PersonName("Ada")}


def test_a_socket_that_a_killed_listener_left_is_replaced_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / SOCKET))
    with serving_names(tmp_path, book_of(**{f"id{ADA}": "Ada"})):
        with serving_names(tmp_path, NameBook()):
            pass
        assert NameLookup(tmp_path).of([ADA], deadline_seconds=5) == {ADA: PersonName("Ada")}


def test_people_are_found_by_a_part_of_either_name_the_best_first(tmp_path: Path) -> None:
    book = book_of(id1="Grenadier", id2="Ada", id3="ADALINE", id4="Bob")
    book.see("5", PersonName("Zoe", handle="ada.zoe"))
    with serving_names(tmp_path, book):
        found = NameLookup(tmp_path).find("ada", deadline_seconds=5)
        assert [name.name for name in found.names.values()] == ["Ada", "ADALINE", "Zoe"]
        assert not found.searched
        assert list(book.searches()) == ["ada"]
        book.searched("ada")
        assert NameLookup(tmp_path).find("ada", deadline_seconds=5).searched


def test_a_file_has_the_names_of_those_whom_no_listener_knows(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f'\ufeff{ADA},"Ada, the first"\n\n{BOB}, Bob ,bot\n', encoding="utf-8")
    with serving_names(tmp_path, book_of(**{f"id{ADA}": "Ada of Discord"})):
        assert NameLookup(tmp_path).of([ADA, BOB], deadline_seconds=5) == {
            ADA: PersonName("Ada of Discord"),
            BOB: PersonName("Bob", PersonKind.BOT),
        }
    lookup = NameLookup(tmp_path)
    assert lookup.of([ADA]) == {ADA: PersonName("Ada, the first")}
    assert lookup.find("THE FIRST").names == {ADA: PersonName("Ada, the first")}
    (tmp_path / FILE).write_text(f"{ADA},Ada the second\n", encoding="utf-8")
    assert lookup.of([ADA]) == {ADA: PersonName("Ada the second")}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"500\n", "line 1 of"),
        (b"500,Ada\n501,\n", "line 2 of"),
        (b"500,Ada,queen\n", "kinds: member, bot, deleted"),
        (b"500,Ada,bot,more\n", "line 1 of"),
        (b"500,\xff\xfe\n", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_noted_once_and_gives_no_name(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(NicknamesUnreadable, match=sentence):
        read_nicknames(tmp_path / FILE)
    noted: list[str] = []
    lookup = NameLookup(tmp_path, note=noted.append)
    assert lookup.of(["500"]) == {}
    assert lookup.find("Ada").names == {}
    assert len(noted) == 1


def test_a_bot_of_a_source_has_its_name_without_asking(tmp_path: Path) -> None:
    bots = {BOB: PersonName("Patreon", PersonKind.BOT)}
    assert NameLookup(tmp_path, bots=bots).of([ADA, BOB]) == bots


def test_names_travel_as_json_on_one_line(tmp_path: Path) -> None:
    with serving_names(tmp_path, book_of(**{f"id{ADA}": HOSTILE})), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / SOCKET))
        client.sendall(f'{{"of": ["{ADA}"]}}\n'.encode())
        assert json.loads(client.makefile().readline()) == {
            "names": {ADA: [HOSTILE, "member", None]},
            "searched": True,
        }
