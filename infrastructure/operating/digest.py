"""A short mark of something that was shown: another one for another thing."""

import hashlib
import json


def digest_of(*parts: object) -> str:
    written = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(written.encode()).hexdigest()
