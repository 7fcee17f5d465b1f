"""Subscriptions: made, read, changed, held back, removed. Their secrets have a file of their own (`rotation`)."""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from service.actions.actor import Actor
from service.actions.changes import Change, names_of, noted
from service.actions.control import Control
from service.actions.revisions import check_expected, made_anew
from service.adapters.control_subscriptions import new_nonce, removal_of
from service.delivery.headers import check_headers
from service.delivery.sealing import is_sealed, opened_record, sealed_record, values_of
from service.delivery.urls import MASK
from service.model.control_records import SubscriptionRecord
from service.model.errors import ChangedMeanwhile, InvalidSubscription, NotFound, RequestReused
from service.model.policy import PolicyModel

M = TypeVar("M")

Fields = Mapping[str, Any]
"""Fields of a `SubscriptionRecord` by name. In `headers` a value of None takes one away."""


@dataclass(frozen=True, slots=True)
class Made(Generic[M]):
    """What a request made; `replayed`: an earlier one with the same Idempotency-Key had made it already."""

    record: M
    replayed: bool = False


def new_id() -> str:
    """Of a subscription that no Idempotency-Key names."""
    return f"sub_{secrets.token_hex(8)}"


async def create(
    control: Control, actor: Actor, fields: Fields, *, id_: str | None = None, request: str | None = None
) -> Made[SubscriptionRecord]:
    """A new subscription; `url` and `secrets` are needed. It stands when this returns.

    Args:
        control: follows `subscriptions`.
        actor: its tenant is the subscription's.
        fields: checked by the caller (`subscription_fields`), in clear.
        id_: made from an Idempotency-Key; else one is made up.
        request: the hash of the request that the key was given with.

    Raises:
        InvalidSubscription: something of it cannot work.
        RequestReused: this key made something else, or something that was removed since.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    now_ms = control.now_ms()
    record = SubscriptionRecord(
        **{**fields, "id": id_ or new_id(), "tenant": actor.tenant, "request": request, "revision": 1,
           "created_ms": now_ms, "updated_ms": now_ms},
    )  # fmt: skip
    if id_ is not None:
        await control.subscriptions.fresh()
        if earlier := _made_before(control, record):
            return earlier
    sealed = sealed_record(record, control.settings.bongsu.keys, new_nonce)
    try:
        async with noted(control, actor, Change("subscription.created", record.id, 1, names_of(fields))):
            return Made(await control.subscriptions.write(sealed))
    except ChangedMeanwhile:
        if earlier := _made_before(control, record):  # by the same request at the same time
            return earlier
        raise


async def is_made(control: Control, actor: Actor, id_: str | None) -> bool:
    """Whether an earlier request with the same Idempotency-Key made this; what it named may be gone since.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return id_ is not None and await control.subscriptions.of(actor.tenant, id_) is not None


def _made_before(control: Control, record: SubscriptionRecord) -> Made[SubscriptionRecord] | None:
    stands = control.subscriptions.get(record.id)
    if stands is None:
        if control.subscriptions.gone(record.id) is None:
            return None
        raise RequestReused(f"this Idempotency-Key made {record.id}, which was removed since; take another key.")
    if stands.request != record.request or stands.tenant != record.tenant:
        raise RequestReused("this Idempotency-Key was used for another request; take another key.")
    return Made(stands, replayed=True)


async def get(control: Control, actor: Actor, subscription: str) -> SubscriptionRecord:
    """As it stands on the topic, sealed where it is.

    Raises:
        NotFound: there is none.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    record = await control.subscriptions.of(actor.tenant, subscription)
    if record is None:
        raise NotFound(f"there is no subscription {subscription}; `bongsu subscriptions list` shows all.")
    return record


async def list_(control: Control, actor: Actor) -> tuple[SubscriptionRecord, ...]:
    """All of the actor's tenant, in the order of their ids. Raises Unavailable, WrongSetup."""
    return await control.subscriptions.all_of(actor.tenant)


async def update(  # noqa: PLR0913 - one question, asked by four commands and routes
    control: Control, actor: Actor, subscription: str, change: Callable[[SubscriptionRecord], Fields], *,
    expected: Collection[int] | None = None, action: str = "subscription.updated",
) -> SubscriptionRecord:  # fmt: skip
    """The subscription with what `change` makes of it; as it is, when that changes nothing.

    Args:
        control: follows `subscriptions`.
        actor: who asks.
        subscription: its id.
        change: from the record that stands to the fields that become others; may be asked several times.
        expected: the revisions that it may be at. None: whichever; then a change that loses is made again.
        action: for the log of changes.

    Raises:
        NotFound: there is none.
        ChangedMeanwhile: it is at another revision than expected, or was changed at the same time.
        InvalidSubscription: something of it cannot work; and whatever `change` raises.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """

    async def changed() -> SubscriptionRecord:
        stands = await get(control, actor, subscription)
        check_expected(stands.id, stands.revision, expected)
        record = _changed(control, stands, change(stands))
        if record is stands:
            return stands
        fields = names_of(name for name in type(record).model_fields if getattr(record, name) != getattr(stands, name))
        async with noted(control, actor, Change(action, record.id, record.revision, fields)):
            return await control.subscriptions.write(record)

    return await made_anew(changed, expected)


def _changed(control: Control, stands: SubscriptionRecord, fields: Fields) -> SubscriptionRecord:
    """The next revision, sealed; `stands` itself when it is so already."""
    fields = dict(fields)
    keys = control.settings.bongsu.keys
    if "headers" in fields:
        fields["headers"] = _headers(control, stands, fields["headers"])
    new = stands.model_copy(update=fields)
    if new == stands:
        return stands
    clear = {value for value in values_of(new) if not is_sealed(value)} - set(values_of(stands))
    if clear and keys is None and any(map(is_sealed, values_of(stands))):
        raise InvalidSubscription(
            f"what is secret of {stands.id} is sealed, and what you give would stand in clear beside it: set "
            "BONGSU_SECRET_KEY as the roles have it."
        )
    new = new.model_copy(update={"revision": stands.revision + 1, "updated_ms": control.now_ms()})
    return sealed_record(new, keys, new_nonce)


def _headers(control: Control, stands: SubscriptionRecord, given: Mapping[str, str | None]) -> dict[str, str]:
    """Those that stand with `given` set and those given as None gone; others stay as they are, sealed or not.

    Raises:
        InvalidSubscription: they may not be sent, or are too many.
    """
    named = {name.lower() for name in given}
    new = {name: value for name, value in given.items() if value is not None}
    try:
        opened = opened_record(stands, control.settings.bongsu.keys).headers
    except InvalidSubscription:
        opened = dict.fromkeys(stands.headers, MASK)  # their names and their number can be judged all the same
    kept = [name for name in stands.headers if name.lower() not in named]
    check_headers({name: opened[name] for name in kept} | new)
    return {name: stands.headers[name] for name in kept} | new


async def pause(
    control: Control, actor: Actor, subscription: str, *, expected: Collection[int] | None = None
) -> SubscriptionRecord:
    """Hold its deliveries back until it is resumed. Raises as `update`."""
    return await update(
        control, actor, subscription, lambda _: {"paused": True}, expected=expected, action="subscription.paused"
    )


async def resume(
    control: Control, actor: Actor, subscription: str, *, expected: Collection[int] | None = None
) -> SubscriptionRecord:
    """Send to it again, after a pause or after its endpoint was disabled. Raises as `update`."""
    fields = {"paused": False, "disabled_ms": None, "disabled_reason": None}
    return await update(
        control, actor, subscription, lambda _: fields, expected=expected, action="subscription.resumed"
    )


async def remove(control: Control, actor: Actor, subscription: str, *, expected: Collection[int] | None = None) -> None:
    """Remove a subscription; what is already queued for it is no longer sent. Raises as `update`."""

    async def removed() -> None:
        stands = await get(control, actor, subscription)
        check_expected(stands.id, stands.revision, expected)
        gone = removal_of(stands, control.now_ms())
        async with noted(control, actor, Change("subscription.removed", gone.id, gone.revision)):
            await control.subscriptions.write(gone)

    await made_anew(removed, expected)


async def notes_on_rules(
    control: Control, actor: Actor, listed: Collection[str], policy: PolicyModel | None
) -> list[str]:
    """Look up the rules that a person named, the urgent ones of a policy too.

    Returns:
        What fits nothing in force but may later: a sentence each.

    Raises:
        BadInput: a rule, tag or entity is named exactly and does not exist.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    urgent = policy.urgent if policy and isinstance(policy.urgent, tuple) else ()
    named = [text for text in (*listed, *urgent) if text != "*"]
    known = await control.known_rules(actor.tenant) if named else None
    return known.check(named) if known else []
