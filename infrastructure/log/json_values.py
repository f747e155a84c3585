"""Objects of a JSON array, or written one after the other over several lines, without reading all of them at once."""

import json
from collections.abc import Iterator
from typing import BinaryIO, Final

from temple_ledger.infrastructure.log.lines import MAX_LINE_BYTES, Line

BLOCK: Final = 256 * 1024
_SPACE: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
"""Finds where a value ends; what its numbers are, whoever reads the line decides."""


def json_values(source: BinaryIO, *, block: int = BLOCK) -> Iterator[Line]:
    """Each value with the line on which it begins. Where the text is no JSON any more, the last line says so."""
    reading = _Reading(source, block)
    in_array = reading.skip(_SPACE) == "["
    if in_array:
        reading.step()
    while (character := reading.skip(_SPACE)) not in ("", "]" if in_array else ""):
        value = reading.value()
        yield value
        if value.problem is not None:
            return
        if in_array and reading.skip(_SPACE) == ",":
            reading.step()
        elif in_array and reading.skip(_SPACE) not in ("]", ""):
            yield reading.rest("a comma is missing between two objects; nothing behind it was read")
            return
    if in_array and character == "":
        yield reading.rest("the array has no end: the file was cut off here")
    elif in_array:
        reading.step()
        if reading.skip(_SPACE):
            yield reading.rest("something follows the array; nothing of it was read")


class _Reading:
    """A text that is decoded as far as it is looked at."""

    def __init__(self, source: BinaryIO, block: int) -> None:
        self._source, self._block = source, block
        self._text, self._place, self._number, self._ended = "", 0, 1, False
        self._bytes = b""
        self._length = 0

    def skip(self, characters: str) -> str:
        """The next character that is none of these; empty at the end."""
        while True:
            while self._place < len(self._text):
                character = self._text[self._place]
                if character not in characters:
                    return character
                self.step()
            if not self._more():
                return ""

    def step(self) -> None:
        self._number += self._text[self._place] == "\n"
        self._place += 1

    def value(self) -> Line:
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._place)
                # a number may go on in the next block
                if end < len(self._text) or not self._more():
                    return self._cut(end)
            except RecursionError:
                return self.rest("nested too deep to be read; nothing behind it was read")
            except ValueError as error:
                if len(self._text) - self._place > MAX_LINE_BYTES:
                    return self.rest("this is no JSON; nothing behind it was read")
                if not self._more():
                    return self.rest(f"not JSON ({getattr(error, 'msg', error)}); nothing behind it was read")

    def rest(self, problem: str) -> Line:
        text = self._text[self._place : self._place + MAX_LINE_BYTES]
        length, self._length = self._length, 0
        return Line(self._number, text.encode(errors="surrogateescape"), length, problem)

    def _cut(self, end: int) -> Line:
        text = self._text[self._place : end]
        line = Line(self._number, text.encode(errors="surrogateescape"), self._length)
        self._number += text.count("\n")
        self._length = 0
        self._place = end
        return line

    def _more(self) -> bool:
        """Twice as much each time a value has not ended, so that a long one is not decoded again and again."""
        if self._ended:
            return False
        left = self._text[self._place :]
        read = getattr(self._source, "read1", self._source.read)
        found = read(max(self._block, len(left)))
        self._ended = not found
        self._length += len(found)
        # bytes of a character that ends in the next block wait for it
        self._bytes += found
        whole = self._bytes if self._ended else _whole_characters(self._bytes)
        self._text, self._place = left + whole.decode(errors="surrogateescape"), 0
        self._bytes = self._bytes[len(whole) :]
        return bool(found or whole)


def _whole_characters(text: bytes) -> bytes:
    """Without the bytes of a last character that is not complete."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte < 0x80:
            return text
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return text if back >= needed else text[:-back]
    return text
