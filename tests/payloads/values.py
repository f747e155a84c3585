"""What JSON, PostgreSQL and Python do not agree about, as text: each stands for a family."""

import json
from collections.abc import Mapping
from typing import Final

VALUES: Final[Mapping[str, str]] = {
    "NUL": r'"a\u0000b"',
    "a lone surrogate": r'"\ud83d"',
    "NaN": "NaN",
    "an infinity": "-Infinity",
    "more than a double": "1e400",
    "more than numeric": "1e200000",
    "an integer of 5,000 digits": "9" * 5_000,
    "1,000 deep": "[" * 1_000 + "]" * 1_000,
    "5,000 deep": "[" * 5_000 + "]" * 5_000,
    "100,000 deep": "[" * 100_000 + "]" * 100_000,
    "a long string": '"' + "x" * 200_000 + '"',
    "many members": "{" + ", ".join(f'"{number}": {number}' for number in range(5_000)) + "}",
    "one name twice": '{"same": 1, "same": 2}',
    "a number for a text": "5",
    "a boolean": "true",
    "an empty text": '""',
    "a text of spaces": '"   "',
    "an object for a text": '{"id": "1"}',
    "a list for a text": '["1"]',
    "null": "null",
    "a control character": '"a\x1bb"',
    "a mark of direction": json.dumps("a\u202eb"),
    "a text with quotes": json.dumps("'; drop table webhook_audit_log; --\"$$ %s {} \\"),
    "half of a text": '"abc',
    "4 kB": '"' + "y" * 4_096 + '"',
}
"""Values for any place of a document; some are no JSON."""

TIMES: Final[Mapping[str, str]] = {
    "infinity": "infinity",
    "minus infinity": "-infinity",
    "the last year of PostgreSQL": "294276-01-01T00:00:00Z",
    "before Christ": "0044-03-15T00:00:00Z BC",
    "a leap second": "2016-12-31T23:59:60Z",
    "nine fraction digits": "2026-03-01T12:00:00.123456789Z",
    "no offset": "2026-03-01T12:00:00",
    "in the gap of summer time": "2026-03-29T02:30:00",
    "an offset of a day": "2026-03-01T12:00:00+25:00",
    "a number": "1772366400",
    "nothing": "",
    "words": "yesterday",
}

BODIES: Final[Mapping[str, bytes]] = {
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "latin-1": '{"name": "Zoë"}'.encode("latin-1"),
    "UTF-16": '{"name": "Zoë"}'.encode("utf-16"),
    "bytes of no text": bytes(range(256)),
    "two documents": b"{}{}",
    "a text": b'"x"',
    "a list": b"[]",
    "null": b"null",
    "half a document": b'{"data": {"type": "member", "id"',
    **{name: value.encode() for name, value in VALUES.items()},
}
"""Whole bodies."""
