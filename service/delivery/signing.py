"""Standard Webhooks 1.0.0 to the byte: `v1` (HMAC-SHA256) and `v1a` (ed25519).

What is signed is `id.timestamp.body` over the exact bytes that are sent, never a re-serialised copy of them. Every
secret of a subscription signs, so a receiver may hold the old or the new one while secrets are exchanged.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.delivery.sealing import is_sealed, key_id_of
from service.model.errors import InvalidSubscription

SYMMETRIC = "whsec_"
PRIVATE = "whsk_"
PUBLIC = "whpk_"
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
_USABLE_ID = re.compile(r"[!-\-/-~]+")


class Signer(Protocol):
    """A secret that can sign; its signature carries its version."""

    def sign(self, content: bytes) -> str:
        """`version,base64`."""
        ...


@dataclass(frozen=True, slots=True)
class HmacKey:
    """`whsec_`: the decoded bytes are the HMAC key."""

    key: bytes

    def sign(self, content: bytes) -> str:
        """`v1,...`."""
        return "v1," + base64.b64encode(hmac.digest(self.key, content, "sha256")).decode()


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """`whsk_`: 32 bytes of seed, then the 32 bytes of the public key that follow from it."""

    private: Ed25519PrivateKey

    def sign(self, content: bytes) -> str:
        """`v1a,...`."""
        return "v1a," + base64.b64encode(self.private.sign(content)).decode()

    @property
    def public(self) -> str:
        """`whpk_...`, what a receiver verifies with."""
        return PUBLIC + base64.b64encode(self.private.public_key().public_bytes_raw()).decode()


@lru_cache(maxsize=4096)
def read_secret(secret: str) -> HmacKey | Ed25519Key:
    """The key that a `whsec_` or `whsk_` text stands for.

    Raises:
        InvalidSubscription: it is neither; the message says what is wrong and never repeats the secret.
    """
    if is_sealed(secret):
        raise InvalidSubscription(
            f"a secret is sealed with the key {key_id_of(secret)!r} and was not opened: BONGSU_SECRET_KEY of this role "
            "does not hold that key."
        )
    if secret.startswith(SYMMETRIC):
        key = _decoded(secret, SYMMETRIC)
        if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
            raise InvalidSubscription(
                f"a whsec_ secret holds {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes in base64; this one holds {len(key)}. "
                "`bongsu subscribe` makes one when none is given."
            )
        return HmacKey(key)
    if secret.startswith(PRIVATE):
        pair = _decoded(secret, PRIVATE)
        if len(pair) != 64:
            raise InvalidSubscription(
                f"a whsk_ secret holds 64 bytes in base64, the seed and the public key; this one holds {len(pair)}."
            )
        private = Ed25519PrivateKey.from_private_bytes(pair[:32])
        if private.public_key().public_bytes_raw() != pair[32:]:
            raise InvalidSubscription(
                "the two halves of this whsk_ secret do not belong together; was a part mistyped?"
            )
        return Ed25519Key(private)
    raise InvalidSubscription("a webhook secret starts with whsec_ (HMAC-SHA256) or whsk_ (ed25519).")


def private_secret(seed: bytes) -> str:
    """`whsk_...` of 32 random bytes."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return PRIVATE + base64.b64encode(seed + public).decode()


def read_public(text: str) -> Ed25519PublicKey:
    """The public key that a `whpk_` text stands for.

    Raises:
        InvalidSubscription: it is none.
    """
    raw = _decoded(text, PUBLIC)
    if not text.startswith(PUBLIC) or len(raw) != 32:
        raise InvalidSubscription("a public key is whpk_ and 32 bytes in base64.")
    return Ed25519PublicKey.from_public_bytes(raw)


def _decoded(text: str, prefix: str) -> bytes:
    encoded = text.removeprefix(prefix)
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSubscription(f"what follows {prefix} is not base64 (A-Z a-z 0-9 + / =).") from None


def signed_content(message_id: str, timestamp: str, body: bytes) -> bytes:
    """What a signature is made over."""
    return b".".join((message_id.encode(), timestamp.encode(), body))


def usable_id(message_id: str) -> bool:
    """Whether it can be a webhook-id: printable ASCII, no spaces, no dots (they separate what is signed)."""
    return _USABLE_ID.fullmatch(message_id) is not None


def signature_headers(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of one attempt; each secret contributes one signature, in order.

    Args:
        secrets: `whsec_...` or `whsk_...`; at least one.
        message_id: the same at every attempt; without a dot, which separates what is signed.
        timestamp_s: whole seconds since the epoch, of this attempt.
        body: the bytes that will be sent.

    Raises:
        InvalidSubscription: a secret that is none, or no secret at all.
        ValueError: an id that would make what is signed ambiguous.
    """
    if not secrets:
        raise InvalidSubscription("a subscription needs at least one secret.")
    if not usable_id(message_id):
        raise ValueError(f"webhook-id {message_id!r} must be printable ASCII without dots and spaces")
    timestamp = str(timestamp_s)
    content = signed_content(message_id, timestamp, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(read_secret(secret).sign(content) for secret in secrets),
    }
