"""Secrets at rest: sealed with a key that only the roles hold, so that reading Kafka is not enough to sign webhooks.

`sealed1.<key id>.<base64 of nonce and ciphertext>`, ChaCha20-Poly1305, a nonce for each value. What it belongs to (the
subscription) is authenticated with it: a sealed secret that is copied to another subscription does not open there.
Several keys may be known; the first seals, all open, so keys are exchanged without a gap.

The URL of a chat webhook is a secret as well: who knows it can write into the channel. Its path and query are sealed,
`https://hooks.example/sealed1....`; where it goes stays readable.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from service.delivery.urls import SECRET_URLS, split_url
from service.model.control_records import RetiringSecret, SubscriptionRecord
from service.model.errors import InvalidSubscription

SEALED = "sealed1."
NONCE_BYTES = 12
KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")

Nonce = Callable[[], bytes]
"""12 bytes from the system's randomness, others at every call."""


def is_sealed(value: str) -> bool:
    """Whether it is a sealed value; else it stands in clear."""
    return value.startswith(SEALED)


def key_id_of(sealed: str) -> str:
    """The key that a sealed value was sealed with."""
    return sealed.removeprefix(SEALED).partition(".")[0]


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by id, the first of which seals."""

    keys: tuple[tuple[str, bytes], ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Read `id:base64,id:base64`; each key is 32 bytes.

        Raises:
            ValueError: it is not that; the message never repeats a key.
        """
        keys: dict[str, bytes] = {}
        for number, part in enumerate(text.split(","), 1):
            key_id, colon, encoded = part.strip().partition(":")
            if not colon or not _KEY_ID.fullmatch(key_id):
                raise ValueError(f"key {number} is not `id:base64`, e.g. k1:$(openssl rand -base64 32)")
            try:
                key = base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError(f"key {key_id} is not base64; `openssl rand -base64 32` makes one") from None
            if len(key) != KEY_BYTES:
                raise ValueError(f"key {key_id} holds {len(key)} bytes and not {KEY_BYTES}; `openssl rand -base64 32`")
            if key_id in keys:
                raise ValueError(f"key {key_id} is there twice")
            keys[key_id] = key
        return cls(tuple(keys.items()))

    def seal(self, plain: str, owner: str, nonce: bytes) -> str:
        """`plain`, readable only with the first key and only for `owner`. `nonce` must never be used again."""
        key_id, key = self.keys[0]
        sealed = ChaCha20Poly1305(key).encrypt(nonce, plain.encode(), _bound_to(key_id, owner))
        return f"{SEALED}{key_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, owner: str) -> str:
        """What was sealed for `owner`.

        Raises:
            InvalidSubscription: its key is not here, or it was changed or sealed for somebody else.
        """
        key_id = key_id_of(sealed)
        key = dict(self.keys).get(key_id)
        if key is None:
            raise InvalidSubscription(
                f"a secret is sealed with the key {key_id!r}, which BONGSU_SECRET_KEY does not hold."
            )
        try:
            raw = base64.b64decode(sealed.removeprefix(f"{SEALED}{key_id}."), validate=True)
            plain = ChaCha20Poly1305(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _bound_to(key_id, owner))
        except (binascii.Error, ValueError, InvalidTag):
            raise InvalidSubscription(
                f"a sealed secret does not open with the key {key_id!r}: another key bears that id, or the secret was "
                "changed, or it belongs to another subscription."
            ) from None
        return plain.decode()

    def is_current(self, value: str) -> bool:
        """Sealed with the key that seals now."""
        return is_sealed(value) and key_id_of(value) == self.keys[0][0]


def _bound_to(key_id: str, owner: str) -> bytes:
    return f"bongsu\0{key_id}\0{owner}".encode()


def is_sealed_url(url: str) -> bool:
    """Whether its path is sealed."""
    return is_sealed(split_url(url)[1].removeprefix("/"))


def _secret_of_url(record: SubscriptionRecord) -> str | None:
    """What of the URL is a secret, sealed or in clear; None when nothing is."""
    path = split_url(record.url)[1]
    if is_sealed(path.removeprefix("/")):
        return path.removeprefix("/")
    return path if record.format in SECRET_URLS and path else None


def _with_url(record: SubscriptionRecord, change: Callable[[str], str]) -> str:
    secret = _secret_of_url(record)
    if secret is None:
        return record.url
    origin, changed = split_url(record.url)[0], change(secret)
    return f"{origin}/{changed}" if is_sealed(changed) else origin + changed


def _each(record: SubscriptionRecord, change: Callable[[str], str]) -> SubscriptionRecord:
    return record.model_copy(
        update={
            "url": _with_url(record, change),
            "secrets": tuple(map(change, record.secrets)),
            "retiring": tuple(
                RetiringSecret(secret=change(old.secret), until_ms=old.until_ms) for old in record.retiring
            ),
            "headers": {name: change(value) for name, value in record.headers.items()},
        }
    )


def values_of(record: SubscriptionRecord) -> tuple[str, ...]:
    """Everything of a subscription that is sealed where there is a key."""
    url = _secret_of_url(record)
    held = () if url is None else (url,)
    return (*record.secrets, *(old.secret for old in record.retiring), *record.headers.values(), *held)


def sealed_record(record: SubscriptionRecord, keys: Keyring | None, nonce: Nonce) -> SubscriptionRecord:
    """With all that stands in clear sealed; what is sealed stays. Without keys nothing changes."""
    if keys is None:
        return record
    return _each(record, lambda value: value if is_sealed(value) else keys.seal(value, record.id, nonce()))


def opened_record(record: SubscriptionRecord, keys: Keyring | None) -> SubscriptionRecord:
    """In clear.

    Raises:
        InvalidSubscription: something does not open.
    """
    if not any(map(is_sealed, values_of(record))):
        return record
    if keys is None:
        raise InvalidSubscription("its secrets are sealed and BONGSU_SECRET_KEY is not set.")
    return _each(record, lambda value: keys.open(value, record.id) if is_sealed(value) else value)


def rekeyed_record(record: SubscriptionRecord, keys: Keyring, nonce: Nonce) -> SubscriptionRecord:
    """Sealed with the first key throughout; what is already, stays as it is.

    Raises:
        InvalidSubscription: something does not open.
    """

    def change(value: str) -> str:
        if keys.is_current(value):
            keys.open(value, record.id)  # one that does not open must be told, not kept for the day it is needed
            return value
        return keys.seal(keys.open(value, record.id) if is_sealed(value) else value, record.id, nonce())

    return _each(record, change)
