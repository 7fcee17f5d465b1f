"""Exchanging the secrets of a subscription without a gap: the old ones sign beside the new for a while."""

from collections.abc import Sequence

from service.delivery.signing import PRIVATE, SYMMETRIC, Ed25519Key, read_secret
from service.model.control_records import RetiringSecret, SubscriptionRecord
from service.model.errors import InvalidSubscription

VERSIONS = {"v1": SYMMETRIC, "v1a": PRIVATE}
"""Version of a signature -> prefix of the secrets that make it."""
MAX_RETIRING = 10


def versions_of(secrets: Sequence[str]) -> tuple[str, ...]:
    """Which signatures opened secrets make, each once, in their order."""
    found = [version for secret in secrets for version, prefix in VERSIONS.items() if secret.startswith(prefix)]
    return tuple(dict.fromkeys(found))


def public_keys(secrets: Sequence[str]) -> list[str]:
    """`whpk_...` of each opened secret that has one: for receivers, and for the page of keys.

    Raises:
        InvalidSubscription: one is no secret.
    """
    return [key.public for key in map(read_secret, secrets) if isinstance(key, Ed25519Key)]


def rotated(record: SubscriptionRecord, new: Sequence[str], *, now_ms: int, overlap_ms: int) -> SubscriptionRecord:
    """With `new` secrets first; what signed until now does so for `overlap_ms` more. What has expired is dropped.

    Args:
        record: its secrets may be sealed; they are moved as they are.
        new: at least one.
        now_ms: the clock.
        overlap_ms: 0 ends the old ones at once.

    Raises:
        InvalidSubscription: too many old ones still sign.
    """
    if not new:
        raise InvalidSubscription("a subscription needs at least one secret.")
    until_ms = now_ms + overlap_ms
    old = [RetiringSecret(secret=secret, until_ms=until_ms) for secret in record.secrets]
    # an earlier promise is not made longer, and not shorter
    still = [*old, *record.retiring] if overlap_ms else list(record.retiring)
    still = [secret for secret in still if secret.until_ms > now_ms]
    if len(still) > MAX_RETIRING:
        raise InvalidSubscription(
            f"{len(still)} old secrets would still sign, at most {MAX_RETIRING} may; wait for some to expire, or take "
            "--overlap 0s."
        )
    return record.model_copy(
        update={
            "secrets": tuple(new), "retiring": tuple(still), "revision": record.revision + 1, "updated_ms": now_ms,
        }
    )  # fmt: skip
