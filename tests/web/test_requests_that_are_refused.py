"""A request that no page takes is answered by a page, too: one sentence, and the menu for whoever is signed in."""

import pytest

from tests.web.conftest import ADA, ConsoleAtWork, Visitor

PLAIN = {"Content-Type": "text/plain"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CASES = [
    pytest.param("POST", "/members", "", FORM, 405, "This address cannot be asked that way", id="a form to a page"),
    pytest.param("DELETE", f"/members/{ADA}", "", {}, 405, "This address cannot be asked that way", id="another verb"),
    pytest.param("PUT", "/actions/pause", "", FORM, 405, "This address cannot be asked that way", id="no form at all"),
    pytest.param("POST", "/sign-out", "x" * 70_000, FORM, 413, "A form has at most 64 kB", id="a long form"),
    pytest.param("POST", "/actions/pause", "x" * 70_000, FORM, 413, "A form has at most 64 kB", id="a long action"),
    pytest.param("POST", "/sign-out", "token=x", PLAIN, 415, "A form is sent as application/x-www", id="another type"),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "sentence"), CASES)
def test_it_is_a_page_with_one_sentence_and_the_menu(
    reader: Visitor, method: str, path: str, body: str, headers: dict[str, str], status: int, sentence: str
) -> None:
    answer = reader.ask(method, path, body, **headers, Origin=reader.origin)
    assert (answer.status, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")
    assert sentence in answer.words
    assert answer.words.count("What happened") == 1
    assert ("allow" in answer.headers) == (status == 405)
    assert reader.get("/members").status == 200


def test_whoever_is_not_signed_in_gets_the_sentence_without_the_menu(console: ConsoleAtWork) -> None:
    answer = console.visitor().ask("POST", "/members", "", Origin=console.url)
    assert (answer.status, "cannot be asked that way" in answer.words) == (405, True)
    assert "What happened" not in answer.words


def test_a_program_that_wants_a_list_gets_the_sentence_alone(reader: Visitor) -> None:
    answer = reader.ask("POST", "/members?format=json", "", Origin=reader.origin)
    assert (answer.status, answer.headers["content-type"]) == (405, "text/plain; charset=utf-8")
    assert answer.text == "This address cannot be asked that way: open it from a page of this console.\n"
