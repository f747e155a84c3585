"""The shop's signature: the hexadecimal HMAC-SHA256 of the raw body."""

import hmac
from collections.abc import Sequence
from datetime import datetime

from temple_ledger import Endpoint

SIGNATURE = b"x-shop-signature"

Headers = Sequence[tuple[bytes, bytes]]


def shop_endpoint(secret: bytes) -> Endpoint:
    def verified(headers: Headers, body: bytes, now: datetime) -> bool:
        given = _given(headers)
        return given is not None and hmac.compare_digest(signature(secret, body), given)

    return Endpoint("shop", "orders", verified, lambda headers: _given(headers) is not None, lambda _: b"order")


def signature(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, body, "sha256").hex().encode()


def _given(headers: Headers) -> bytes | None:
    given = [value for name, value in headers if name == SIGNATURE]
    return given[0] if len(given) == 1 else None
