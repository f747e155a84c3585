"""What data carries is shown, and steers nothing."""

import json
import sys
import unicodedata

import pytest
from prometheus_client import Gauge, generate_latest

from temple_ledger.infrastructure.observability.escaping import printable, printable_json, printable_label
from temple_ledger.infrastructure.observability.metrics.registry import new_registry

HARMFUL = {
    "\x1b[2Jgone": r"\x1b[2Jgone",
    "\x1b]0;title\x07": r"\x1b]0;title\x07",
    "a\nforged": r"a\nforged",
    "a\rover": r"a\rover",
    "\tx": r"\tx",
    "\x9b31m": r"\x9b31m",
    "\x7f\b": r"\x7f\x08",
    "\u202egnirts": r"\u202egnirts",
    "\u2066isolated\u2069": r"\u2066isolated\u2069",
    "zero\u200bwidth": r"zero\u200bwidth",
    "no\u2060break\ufeff": r"no\u2060break\ufeff",
    "a\u2028b\u2029c": r"a\u2028b\u2029c",
    "\udc80lone": r"\udc80lone",
    "tag\U000e0041": r"tag\U000e0041",
}
PLAIN = (
    *("Oracle", "Zoë ☕", "預言者", "  spaced  ", "[bold red]markup[/]", "=cmd|' /C calc'!A0", "¯\\_(ツ)_/¯"),
    *("\U0001f469\u200d\U0001f680 Astronaut", "\U0001f3f3\ufe0f\u200d\U0001f308"),
)
PREPENDED = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Format characters that show something: they embrace the digits behind them."""


@pytest.mark.parametrize(("harmful", "shown"), HARMFUL.items(), ids=map(ascii, HARMFUL))
def test_a_harmful_character_is_shown_as_an_escape(harmful: str, shown: str) -> None:
    assert printable(harmful) == shown
    assert printable(shown) == shown


@pytest.mark.parametrize("plain", PLAIN)
def test_other_text_is_shown_as_it_is(plain: str) -> None:
    assert printable(plain) == plain == printable_label(plain)


def test_no_control_no_format_no_separator_and_no_surrogate_of_unicode_passes() -> None:
    harmful = (chr(number) for number in range(sys.maxunicode + 1))
    passed = [
        each
        for each in harmful
        if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and each not in PREPENDED
        and each in printable(f"a{each}b")
    ]
    assert list(map(ascii, passed)) == []


def test_a_joiner_counts_as_harmless_between_emoji_only() -> None:
    assert printable("Or\u200dacle") == r"Or\u200dacle"
    assert printable("👩\u200d") == r"👩\u200d"


def test_two_different_labels_stay_different() -> None:
    labels = ["\x1b", r"\x1b", r"\\x1b", "\n", r"\n", "\\", "\\\\", "a\\\x1b"]
    assert len({printable_label(each) for each in labels}) == len(labels)


@pytest.mark.parametrize("harmful", HARMFUL, ids=map(ascii, HARMFUL))
def test_json_stands_for_the_same_values_without_a_harmful_character(harmful: str) -> None:
    document = json.dumps({"data": [harmful, {harmful: 1}]}, ensure_ascii=False, indent=1)
    shown = printable_json(document)
    assert json.loads(shown) == json.loads(document)
    assert printable(shown.replace("\n", "")) == shown.replace("\n", "")


def test_a_label_of_a_metric_is_shown_the_same_way() -> None:
    registry = new_registry()
    holders = Gauge("holders", "of a role", ["role"], registry=registry)
    for role in ("\x1b[31mred", "\u202egnirts", r"\x1b[31mred"):
        holders.labels(role).set(1)
    for asked in (registry, registry.restricted_registry(["holders"])):
        text = generate_latest(asked).decode()
        assert 'holders{role="\\\\x1b[31mred"} 1.0' in text
        assert printable(text.replace("\n", "")) == text.replace("\n", "")
        assert text.count("holders{") == 3
