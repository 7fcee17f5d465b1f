"""/v1/subscriptions/{id}/attempts: what each POST did."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.history import LAG_HEADER, After, AskedDep, Before, FilterText, between
from service.api.models.deliveries import Attempt, shown_attempt
from service.api.openapi import problems
from service.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from service.api.routes.subscriptions import SubscriptionId
from service.api.security import needs
from service.model.records import AttemptOutcome

router = APIRouter(prefix="/v1/subscriptions/{subscription_id}/attempts", tags=["deliveries"])


@router.get(
    "",
    operation_id="list_attempts",
    dependencies=needs("deliveries:read"),
    responses=LAG_HEADER | problems("not-found", "history-unavailable"),
)
async def list_attempts(
    asked: AskedDep,
    subscription_id: SubscriptionId,
    outcome: Annotated[AttemptOutcome | None, Query(description="Only those that ended so.")] = None,
    delivery: Annotated[FilterText | None, Query(description="Only those of this delivery.")] = None,
    rule: Annotated[
        FilterText | None, Query(description="Only those of deliveries in which this rule was told of.")
    ] = None,
    after: After = None,
    before: Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Attempt]:
    """Attempts to a subscription, newest first: where each went, how long it took, what was answered.

    `delivery` is a `webhook-id`; with `rule`, those of deliveries in which that rule was told of.
    """
    await asked.own_subscription(subscription_id)
    filters = {"outcome": outcome, "delivery_id": delivery, "rule": rule, **between(after, before)}
    return await asked.page(
        f"attempts of {subscription_id}", filters, cursor, limit,
        lambda history, wanted: history.attempts(subscription_id, **wanted), shown_attempt,
    )  # fmt: skip
