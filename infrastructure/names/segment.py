"""A name as one part of an address of the console, whatever characters it has, and back.

A server reads an address after it was decoded, so a slash in a name would divide it, and a browser takes `..` for the
part before. What could be mistaken is escaped twice: once for the address, and once for whoever reads a part of it.
"""

import re
from typing import Final
from urllib.parse import quote, unquote

ESCAPED: Final = re.compile("%(?:25|2F|2E)", re.IGNORECASE)
"""What is escaped twice: a percent sign, a slash, and the dots of a name that is nothing else."""


def in_segment(name: str) -> str:
    part = name.replace("%", "%25").replace("/", "%2F")
    return quote(part.replace(".", "%2E") if part in (".", "..") else part, safe=":@")


def from_segment(part: str) -> str:
    """*part* of an address that was decoded."""
    return ESCAPED.sub(lambda found: unquote(found[0]), part)
