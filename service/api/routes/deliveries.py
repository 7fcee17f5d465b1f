"""/v1/deliveries and /v1/subscriptions/{id}/deliveries: what was sent, and sending it again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.actions import replay, subscriptions
from service.api.history import LAG_HEADER, After, AskedDep, Before, FilterText, between
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
from service.api.services import ActorDep, ControlDep
from service.delivery.replay import Choice
from service.history.queries import History
from service.history.rows import AttemptRow, DeliveryRow
from service.model.errors import NotFound

router = APIRouter(prefix="/v1", tags=["deliveries"])
SHOWN = 100
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
    responses=problems("not-found"),
)
async def replay_delivery(control: ControlDep, actor: ActorDep, delivery_id: DeliveryId) -> Replayed:
    """Send a notification again: same id, same bytes, its attempts counted from one.

    While it is on its way, by itself or by an earlier replay, nothing is sent twice: `left_out` says so. So to repeat
    this request because its answer was lost is safe until the replay has ended.
    """
    choice = await replay.one(control, actor, delivery_id)
    if not choice.records and not choice.left_out:
        raise NotFound(f"there is no delivery {delivery_id}")
    return _shown(choice)


@router.post(
    "/subscriptions/{subscription_id}/replay",
    operation_id="replay_subscription",
    dependencies=needs("deliveries:replay"),
    status_code=202,
    responses=problems("not-found"),
)
async def replay_subscription(
    control: ControlDep, actor: ActorDep, subscription_id: SubscriptionId, body: ReplayAsked
) -> Replayed:
    """Send again what was created in a range (`after`, `before`), or all that failed since (`failed_since`)."""
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
    await subscriptions.get(control, actor, subscription_id)
    if body.failed_since is not None:
        return _shown(await replay.failed_since(control, actor, subscription_id, ms_of(body.failed_since)))
    assert body.after is not None
    until_ms = None if body.before is None else ms_of(body.before)
    return _shown(await replay.range_(control, actor, subscription_id, ms_of(body.after), until_ms))


def _shown(choice: Choice) -> Replayed:
    return Replayed(
        replayed=len(choice.records),
        delivery_ids=[record.id for record in choice.records[:SHOWN]],
        left_out={str(why): count for why, count in choice.left_out.items()},
    )
