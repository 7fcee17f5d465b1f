"""/v1/deliveries and /v1/subscriptions/{id}/deliveries: what was sent, and sending it again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from service.actions import subscriptions
from service.actions.actor import Actor
from service.actions.control import Control
from service.actions.replay_once import once
from service.api.history import LAG_HEADER, After, AskedDep, Before, FilterText, between
from service.api.idempotency import Idempotency, IdempotencyDep, say_whether
from service.api.limits import AtOnce
from service.api.models.common import ms_of
from service.api.models.deliveries import (
    Delivery,
    DeliveryInFull,
    ReplayAsked,
    Replayed,
    Status,
    shown_delivery,
    shown_in_full,
)
from service.api.openapi import problems
from service.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from service.api.problems import ApiProblem
from service.api.routes.subscriptions import SubscriptionId
from service.api.security import needs
from service.api.services import ActorDep, ControlDep, services_of
from service.delivery.replay import Wanted
from service.history.queries import History
from service.history.rows import AttemptRow, DeliveryRow
from service.model.errors import HistoryUnavailable, NotFound

router = APIRouter(prefix="/v1", tags=["deliveries"])
CLOCKS_MS = 3_600_000
"""By which the clocks of those who wrote may differ, and more."""
_replaying = AtOnce(2, "replays")
DeliveryId = Annotated[str, Path(description="`msg_...`", min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]


@router.get(
    "/subscriptions/{subscription_id}/deliveries",
    operation_id="list_deliveries",
    dependencies=needs("deliveries:read"),
    responses=LAG_HEADER | problems("not-found", "history-unavailable"),
)
async def list_deliveries(
    asked: AskedDep,
    subscription_id: SubscriptionId,
    status: Annotated[
        Status | None, Query(description="Only those whose last attempt ended so; pending: there was none.")
    ] = None,
    rule: Annotated[FilterText | None, Query(description="Only those in which this rule was told of.")] = None,
    after: After = None,
    before: Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Delivery]:
    """Notifications of a subscription, newest first; with `rule`, those in which that rule was told of."""
    await asked.own_subscription(subscription_id)
    filters = {"status": status, "rule": rule, **between(after, before)}
    return await asked.page(
        f"deliveries of {subscription_id}", filters, cursor, limit,
        lambda history, wanted: history.deliveries(subscription_id, **wanted), shown_delivery,
    )  # fmt: skip


@router.get(
    "/deliveries/{delivery_id}",
    operation_id="get_delivery",
    dependencies=needs("deliveries:read"),
    responses=LAG_HEADER | problems("not-found", "history-unavailable"),
)
async def get_delivery(asked: AskedDep, delivery_id: DeliveryId) -> DeliveryInFull:
    """A notification: what is sent, and every attempt."""

    def found(history: History) -> tuple[DeliveryRow | None, list[AttemptRow]]:
        return history.delivery(delivery_id), history.attempts_of(delivery_id)

    row, attempts = await asked.ask(found)
    if row is None:
        raise NotFound(f"there is no delivery {delivery_id}")
    await asked.is_own(row.subscription, f"delivery {delivery_id}")
    return shown_in_full(row, attempts)


@router.post(
    "/deliveries/{delivery_id}/replay",
    operation_id="replay_delivery",
    dependencies=needs("deliveries:replay"),
    status_code=202,
    responses=problems("not-found", "idempotency-key-reused", "rate-limited"),
)
async def replay_delivery(
    control: ControlDep,
    actor: ActorDep,
    idempotency: IdempotencyDep,
    request: Request,
    delivery_id: DeliveryId,
    response: Response,
) -> Replayed:
    """Send a notification again: same id, same bytes, its attempts counted from one.

    While it is on its way, by itself or by an earlier replay, nothing is sent twice: `left_out` says so. With an
    `Idempotency-Key` the same request sends it once, for a day, and has the same answer.
    """
    begins_ms = await begins(services_of(request).history, control, actor, delivery_id)
    for since_ms in dict.fromkeys((begins_ms, 0)):
        wanted = Wanted(delivery_id, since_ms=since_ms)
        sent = await _sent(control, actor, wanted, idempotency, None, response)
        if sent.replayed or sent.left_out:
            return sent
    raise NotFound(f"there is no delivery {delivery_id}")


@router.post(
    "/subscriptions/{subscription_id}/replay",
    operation_id="replay_subscription",
    dependencies=needs("deliveries:replay"),
    status_code=202,
    responses=problems("not-found", "idempotency-key-reused", "rate-limited"),
)
async def replay_subscription(
    control: ControlDep,
    actor: ActorDep,
    idempotency: IdempotencyDep,
    subscription_id: SubscriptionId,
    body: ReplayAsked,
    response: Response,
) -> Replayed:
    """Send again what was created in a range (`after`, `before`), or all that failed since (`failed_since`).

    At most 10,000 at once. With an `Idempotency-Key` the same request sends once, for a day, and has the same answer.
    """
    if (body.failed_since is None) == (body.after is None):
        raise ApiProblem(
            "invalid-request",
            "say either `after` (and `before`), or `failed_since`",
            errors=[{"pointer": "/after", "detail": "either this or failed_since is needed, and not both"}],
        )
    if body.failed_since is not None and body.before is not None:
        raise ApiProblem(
            "invalid-request",
            "`before` goes with `after` only",
            errors=[{"pointer": "/before", "detail": "goes with `after` only"}],
        )
    since = body.after or body.failed_since
    assert since is not None
    since_ms, until_ms = ms_of(since), None if body.before is None else ms_of(body.before)
    if until_ms is not None and until_ms <= since_ms:
        raise ApiProblem(
            "invalid-request",
            "`before` is not later than `after`",
            errors=[{"pointer": "/before", "detail": "is not later than `after`"}],
        )
    await subscriptions.get(control, actor, subscription_id)
    wanted = Wanted(None, subscription_id, since_ms, until_ms, failed=body.failed_since is not None)
    return await _sent(control, actor, wanted, idempotency, body, response)


async def begins(history: History | None, control: Control, actor: Actor, delivery_id: str) -> int:
    """Since when (ms since the epoch) there can be records of a delivery; 0: nobody knows, all of the topics is read.

    Only where to begin is taken from the history: it may lag, and what happened since must not be sent twice.
    """
    try:
        row = None if history is None else await run_in_threadpool(history.delivery, delivery_id)
        if row is None:
            return 0
        await subscriptions.get(control, actor, row.subscription)
    except (HistoryUnavailable, NotFound):
        return 0
    return max(0, row.created_ms - CLOCKS_MS)


async def _sent(
    control: Control,
    actor: Actor,
    wanted: Wanted,
    idempotency: Idempotency,
    body: ReplayAsked | None,
    response: Response,
) -> Replayed:
    with _replaying.one():
        sent = await once(control, actor, wanted, key=idempotency.nonce(), request=idempotency.request_hash(body))
    say_whether(sent.replayed, response)
    return Replayed(replayed=sent.count, delivery_ids=list(sent.ids), left_out=sent.left_out)
