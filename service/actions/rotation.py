"""The secrets of a subscription: made, shown, exchanged without a gap, sealed anew."""

import base64
import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from service.actions.actor import Actor
from service.actions.changes import Change, noted
from service.actions.control import Control
from service.actions.subscriptions import Fields, get, update
from service.adapters.control_subscriptions import new_nonce
from service.delivery.rotation import rotated, versions_of
from service.delivery.sealing import opened_record, rekeyed_record
from service.delivery.signing import SYMMETRIC, private_secret, read_secret
from service.model.control_records import SubscriptionRecord
from service.model.errors import ChangedMeanwhile, InvalidSubscription, RequestReused, WrongSetup

MAX_OVERLAP_S = 30 * 86_400
OVERLAP_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Rotated:
    """A subscription whose secrets were exchanged; `secrets` are the new ones, in clear."""

    record: SubscriptionRecord
    secrets: tuple[str, ...] = field(repr=False)
    replayed: bool = False
    """An earlier request with the same Idempotency-Key had done it already."""


def new_secret(version: str = "v1") -> str:
    """A secret of 32 random bytes: `whsec_` for v1, `whsk_` for v1a."""
    if version == "v1a":
        return private_secret(secrets.token_bytes(32))
    return SYMMETRIC + base64.b64encode(secrets.token_bytes(32)).decode()


async def secret_of(control: Control, actor: Actor, subscription: str) -> SubscriptionRecord:
    """The subscription with all that is sealed in clear.

    Raises:
        NotFound: there is none.
        InvalidSubscription: something does not open.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return opened_record(await get(control, actor, subscription), control.settings.bongsu.keys)


async def rotate(  # noqa: PLR0913 - what a person may say of it
    control: Control, actor: Actor, subscription: str, *, overlap_s: float = OVERLAP_S, secret: str | None = None,
    versions: Sequence[str] | None = None, key: str | None = None, expected: Collection[int] | None = None,
) -> Rotated:  # fmt: skip
    """Give a subscription new secrets; the old ones sign beside them for `overlap_s` seconds.

    Args:
        control: follows `subscriptions`.
        actor: who asks.
        subscription: its id.
        overlap_s: 0 ends the old ones now.
        secret: the new one; else they are made here.
        versions: what the new ones sign (`v1`, `v1a`); else as before.
        key: an Idempotency-Key: the one of the last rotation exchanges nothing again.
        expected: as in `update`.

    Raises:
        RequestReused: the last rotation had this key, and asked for something else.
        InvalidSubscription: the overlap is too long, the secret cannot sign, or too many old ones would still sign.
        And as `update`.
    """
    if not 0 <= overlap_s <= MAX_OVERLAP_S:
        raise InvalidSubscription("the overlap is 0 s to 30 d; a secret that never ends was not exchanged.")
    if secret is not None:
        read_secret(secret)
    marked = None if key is None else f"{_hash(actor.name, key)} {_hash(overlap_s, secret, versions)}"
    keys = control.settings.bongsu.keys
    replayed = False
    new: tuple[str, ...] = ()

    stands = await get(control, actor, subscription)
    if marked is not None and stands.rotation == marked:  # whatever it was expected at: that was before the first time
        return Rotated(stands, opened_record(stands, keys).secrets, replayed=True)

    def change(stands: SubscriptionRecord) -> Fields:
        nonlocal new, replayed
        replayed = marked is not None and stands.rotation == marked
        if replayed:
            return {}
        if marked and (stands.rotation or "").partition(" ")[0] == marked.partition(" ")[0]:
            raise RequestReused("this Idempotency-Key was used for another rotation; take another key.")
        if not new:
            wanted = versions or versions_of(opened_record(stands, keys).secrets)
            new = (secret,) if secret is not None else tuple(new_secret(version) for version in wanted)
        exchanged = rotated(stands, new, now_ms=control.now_ms(), overlap_ms=round(overlap_s * 1000))
        return {"secrets": exchanged.secrets, "retiring": exchanged.retiring, "rotation": marked}

    record = await update(control, actor, subscription, change, expected=expected, action="subscription.secret_rotated")
    return Rotated(record, opened_record(record, keys).secrets if replayed else new, replayed)


def _hash(*said: object) -> str:
    return hashlib.sha256("\0".join(map(str, said)).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(slots=True)
class Rekeyed:
    """What `rekey` did."""

    known: int = 0
    changed: int = 0
    left: list[str] = field(default_factory=list)
    """Of each that is as it was, why."""


async def rekey(control: Control, actor: Actor) -> Rekeyed:
    """Seal all secrets of all tenants with the first key of BONGSU_SECRET_KEY. May be repeated.

    Raises:
        WrongSetup: it is not set.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    keys = control.settings.bongsu.keys
    if keys is None:
        raise WrongSetup("BONGSU_SECRET_KEY is not set; e.g. export BONGSU_SECRET_KEY=k1:$(openssl rand -base64 32)")
    await control.subscriptions.fresh()
    done = Rekeyed()
    for record in control.subscriptions.all():
        done.known += 1
        try:
            new = rekeyed_record(record, keys, new_nonce)
            if new == record:
                continue
            new = new.model_copy(update={"revision": record.revision + 1})
            as_owner = Actor(actor.name, record.tenant, actor.request_id)
            async with noted(control, as_owner, Change("subscription.sealed", new.id, new.revision)):
                await control.subscriptions.write(new)
        except InvalidSubscription as error:
            done.left.append(f"{record.id}: {error}")
        except ChangedMeanwhile as error:
            done.left.append(str(error))
        else:
            done.changed += 1
    return done
