"""/v1/subscriptions/{id}/decisions and .../why: what became of articles for it, and why."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from service.actions import subscriptions
from service.actions.why import why
from service.api.history import LAG_HEADER, After, AskedDep, Before, FilterText, between
from service.api.limits import AtOnce
from service.api.models.common import GivenTime, ms_of
from service.api.models.decisions import Decision, Why, shown_decision, shown_why
from service.api.openapi import problems
from service.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from service.api.problems import ApiProblem
from service.api.routes.subscriptions import SubscriptionId
from service.api.security import needs
from service.api.services import ActorDep, ControlDep, NowDep, SettingsDep
from service.model.record import Lang
from service.model.records import Outcome
from service.model.topics import DAY_MS

router = APIRouter(prefix="/v1/subscriptions/{subscription_id}", tags=["decisions"])
LOOK_BACK_MS = 7 * DAY_MS
"""As long as articles are kept."""
_asking = AtOnce(2, "such questions")


@router.get(
    "/decisions",
    operation_id="list_decisions",
    dependencies=needs("deliveries:read"),
    responses=LAG_HEADER | problems("not-found", "history-unavailable"),
)
async def list_decisions(
    asked: AskedDep,
    subscription_id: SubscriptionId,
    decision: Annotated[Outcome | None, Query(description="Only these.")] = None,
    rule: Annotated[FilterText | None, Query(description="Only of this rule.")] = None,
    article: Annotated[FilterText | None, Query(description="Only those of this article.")] = None,
    after: After = None,
    before: Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Decision]:
    """What became of each alert to a subscription, newest decision first; one that was held shows what it is now."""
    await asked.own_subscription(subscription_id)
    filters = {"decision": decision, "rule": rule, "article": article, **between(after, before)}
    return await asked.page(
        f"decisions of {subscription_id}", filters, cursor, limit,
        lambda history, wanted: history.decisions(subscription_id, **wanted), shown_decision,
    )  # fmt: skip


@router.get(
    "/why",
    operation_id="ask_why",
    dependencies=needs("deliveries:read"),
    responses=problems("not-found", "rate-limited"),
)
async def ask_why(
    control: ControlDep,
    settings: SettingsDep,
    actor: ActorDep,
    now_ms: NowDep,
    subscription_id: SubscriptionId,
    article: Annotated[str, Query(min_length=1, max_length=512, description="Id of the article, or its URL.")],
    rule: Annotated[FilterText | None, Query(description="Only of this rule.")] = None,
    after: Annotated[GivenTime | None, Query(description="How far back to look. Default: 7 days.")] = None,
    lang: Annotated[Lang, Query(description="Of `sentence` and `notes`: Korean or English.")] = "en",
) -> Why:
    """What became of an article for a subscription, and why.

    Reads the topics themselves, which takes seconds where much is on them. Where no rule fired, the answer names the
    one that was nearest to it, and what it lacked.
    """
    await subscriptions.get(control, actor, subscription_id)
    try:
        with _asking.one():
            async with asyncio.timeout(settings.api.timeout_s):
                answer = await why(
                    settings,
                    subscription_id,
                    article,
                    since_ms=now_ms - LOOK_BACK_MS if after is None else ms_of(after),
                    now_s=now_ms / 1000,
                    rule=rule,
                    tenant=actor.tenant,
                    lang=lang,
                )
    except TimeoutError:
        raise ApiProblem(
            "unavailable", f"not answered within {settings.api.timeout_s:g} s; look less far back, with `after`"
        ) from None
    return shown_why(subscription_id, article, answer)
