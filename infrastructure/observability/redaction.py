"""What must not be shown: payloads, tokens, passwords, DSNs, e-mails."""

import re
from typing import Final

REDACTED: Final = "[redacted]"
SECRET_KEYS: Final = re.compile(
    r"payload|metadata|body|token|secret|password|passwd|dsn|database_url|conninfo|authorization|cookie|e_?mail",
    re.IGNORECASE,
)
_SECRET_TEXT: Final = (
    (re.compile(r"postgres(?:ql)?://\S+"), f"postgresql://{REDACTED}"),
    (re.compile(r"(?i)\b(password|sslpassword|token|secret)\s*=\s*(?:'[^']*'|\S+)"), rf"\1={REDACTED}"),
    (re.compile(r"(?i)\bbearer\s+\S+"), f"Bearer {REDACTED}"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), REDACTED),
)


def scrubbed(text: str) -> str:
    """*text* without what must not be shown."""
    for pattern, instead in _SECRET_TEXT:
        text = pattern.sub(instead, text)
    return text
