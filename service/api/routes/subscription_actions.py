"""/v1/subscriptions/{id}/...: hold it back, exchange its secrets, show them, send a test."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from service.actions import rotation, test_delivery
from service.actions import subscriptions as actions
from service.api.etags import IfMatch, if_matching, put_tag
from service.api.idempotency import IdempotencyDep, say_whether
from service.api.models.common import at
from service.api.models.subscription_input import Rotation
from service.api.models.subscriptions import (
    SecretsRotated,
    Subscription,
    SubscriptionSecrets,
    TestSent,
    retiring,
    shown,
)
from service.api.openapi import problems
from service.api.routes.subscriptions import SubscriptionId
from service.api.security import needs
from service.api.services import ActorDep, ControlDep
from service.delivery.rotation import public_keys

router = APIRouter(prefix="/v1/subscriptions/{subscription_id}", tags=["subscriptions"])


@router.post(
    "/pause",
    operation_id="pause_subscription",
    dependencies=needs("subscriptions:write"),
    responses=problems("not-found", "changed-meanwhile", "precondition-failed"),
)
async def pause_subscription(
    control: ControlDep,
    actor: ActorDep,
    subscription_id: SubscriptionId,
    response: Response,
    if_match: IfMatch = None,
) -> Subscription:
    """Hold its deliveries back until it is resumed; they are kept and keep their ids."""
    with if_matching(if_match) as expected:
        record = await actions.pause(control, actor, subscription_id, expected=expected)
    put_tag(response, record.revision)
    return shown(record)


@router.post(
    "/resume",
    operation_id="resume_subscription",
    dependencies=needs("subscriptions:write"),
    responses=problems("not-found", "changed-meanwhile", "precondition-failed"),
)
async def resume_subscription(
    control: ControlDep,
    actor: ActorDep,
    subscription_id: SubscriptionId,
    response: Response,
    if_match: IfMatch = None,
) -> Subscription:
    """Send to it again, after a pause or after its endpoint was disabled; what was held goes out first thing."""
    with if_matching(if_match) as expected:
        record = await actions.resume(control, actor, subscription_id, expected=expected)
    put_tag(response, record.revision)
    return shown(record)


@router.post(
    "/rotate-secret",
    operation_id="rotate_subscription_secret",
    dependencies=needs("subscriptions:write"),
    responses=problems("not-found", "changed-meanwhile", "precondition-failed", "idempotency-key-reused"),
)
async def rotate_subscription_secret(
    control: ControlDep,
    actor: ActorDep,
    subscription_id: SubscriptionId,
    idempotency: IdempotencyDep,
    response: Response,
    body: Annotated[Rotation | None, Body()] = None,
    if_match: IfMatch = None,
) -> SecretsRotated:
    """Give it new secrets; the old ones sign beside them for a while (24 h), in which the receiver may hold either.

    With the `Idempotency-Key` of the last rotation nothing is exchanged again, and the answer is the same.
    """
    said = body or Rotation()
    with if_matching(if_match) as expected:
        done = await rotation.rotate(
            control,
            actor,
            subscription_id,
            overlap_s=said.overlap_s,
            secret=said.secret,
            versions=None if said.sign is None else tuple(dict.fromkeys(said.sign)),
            key=idempotency.key,
            expected=expected,
        )
    say_whether(done.replayed, response)
    put_tag(response, done.record.revision)
    return SecretsRotated(
        id=done.record.id,
        revision=done.record.revision,
        secrets=list(done.secrets),
        public_keys=public_keys(done.secrets),
        retiring_secrets=retiring(done.record),
    )


@router.get(
    "/secret",
    operation_id="get_subscription_secret",
    dependencies=needs("subscriptions:secrets"),
    responses=problems("not-found"),
)
async def get_subscription_secret(
    control: ControlDep, actor: ActorDep, subscription_id: SubscriptionId, response: Response
) -> SubscriptionSecrets:
    """What it signs with, in clear."""
    record = await rotation.secret_of(control, actor, subscription_id)
    put_tag(response, record.revision)
    return SubscriptionSecrets(
        id=record.id,
        revision=record.revision,
        secrets=list(record.secrets),
        public_keys=public_keys(record.secrets),
        retiring_secrets=retiring(record, clear=True),
    )


@router.post(
    "/test",
    operation_id="test_subscription",
    dependencies=needs("subscriptions:write"),
    status_code=202,
    responses=problems("not-found"),
)
async def test_subscription(
    control: ControlDep,
    actor: ActorDep,
    subscription_id: SubscriptionId,
    idempotency: IdempotencyDep,
    response: Response,
) -> TestSent:
    """Send a webhook of type `test` through the real dispatcher; its attempts tell what became of it.

    With an `Idempotency-Key` the same request has the same delivery id for a day, and is sent once.
    """
    made = await test_delivery.make(control, actor, subscription_id, nonce=idempotency.nonce())
    if not made.replayed:
        await test_delivery.send(control, actor, made.record)
    say_whether(made.replayed, response)
    return TestSent(delivery_id=made.record.id, until=at(made.record.deadline_ms))
