"""Which share of an archive a member's events are in. Without the packages of the archive: an engine shares it out."""

import hashlib
from typing import Final

BUCKETS: Final = 1_024


def bucket_of(user_id: str) -> int:
    """The first 10 bits of SHA-256 of it, in UTF-8."""
    digest = hashlib.sha256(user_id.encode()).digest()
    return digest[0] << 2 | digest[1] >> 6
