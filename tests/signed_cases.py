"""Webhooks that verify and that do not: what every receiver of docs/webhooks.md has to agree on."""

import base64
import time
from collections.abc import Iterator

from service.delivery.rotation import public_keys
from service.delivery.signing import private_secret, signature_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"B" * 32).decode()
PRIVATE = private_secret(b"p" * 32)
STRANGER = private_secret(b"s" * 32)
BODIES = (
    '{"type":"alert.matched","data":{"summary":"서울시와 重慶 🏮"}}'.encode(),
    b'{"a":"\\ud800 \\u0000 \\n"}',
    b"\xff\x00\r\n no text",
    b"",
)
Case = tuple[str, dict[str, str], bytes, bool]


def cases() -> Iterator[Case]:
    """(secret or public key, headers, body, whether it verifies)."""
    now = int(time.time())
    (public,), (stranger,) = public_keys([PRIVATE]), public_keys([STRANGER])
    for body in BODIES:
        for secret, key in ((SECRET, SECRET), (PRIVATE, public)):
            good = signature_headers([secret], "msg_1", now, body)
            yield key, good, body, True
            both = signature_headers([OTHER, STRANGER, secret], "msg_1", now, body)
            yield key, both, body, True
            yield key, good, body + b" ", False
            yield key, {**good, "webhook-id": "msg_2"}, body, False
            yield key, {**good, "webhook-timestamp": str(now - 1)}, body, False
            yield key, {**good, "webhook-timestamp": "now"}, body, False
            for name in good:
                yield key, {other: value for other, value in good.items() if other != name}, body, False
                yield key, {**good, name: ""}, body, False
            for odd in ("²", "１７", "1" * 5_000, "-1"):
                yield key, {**good, "webhook-timestamp": odd}, body, False
            yield key, signature_headers([secret], "msg_1", now - 400, body), body, False
            yield key, signature_headers([secret], "msg_1", now + 400, body), body, False
            yield key, signature_headers([OTHER, STRANGER], "msg_1", now, body), body, False
            yield key, {**good, "webhook-signature": "nonsense v1 v1, v1a,AAAA v1,AAAA"}, body, False
            spoiled = f"v1,!! v1a,!! nonsense {good['webhook-signature']}"
            yield key, {**good, "webhook-signature": spoiled}, body, True
            swapped = good["webhook-signature"].replace("v1a,", "v2,").replace("v1,", "v2,")
            yield key, {**good, "webhook-signature": swapped}, body, False
        yield stranger, signature_headers([PRIVATE], "msg_1", now, body), body, False
