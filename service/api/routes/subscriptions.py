"""/v1/subscriptions: create, list, read, change, remove."""

from fnmatch import fnmatchcase
from typing import Annotated

from fastapi import APIRouter, Query

from service.api.models.subscriptions import Status, Subscription, shown, status_of, url_of
from service.api.paging import DEFAULT_LIMIT, Cursor, Keys, Limit, Page, newest_first
from service.api.security import needs
from service.api.services import ActorDep, ControlDep
from service.model.records import SubscriptionRecord

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])

Text = Annotated[str | None, Query(min_length=1, max_length=500)]


@router.get("", operation_id="list_subscriptions", dependencies=needs("subscriptions:read"))
async def list_subscriptions(
    control: ControlDep,
    actor: ActorDep,
    status: Annotated[Status | None, Query(description="Only those of this status.")] = None,
    rule: Annotated[
        str | None, Query(min_length=1, max_length=500, description="Only those that are told of this rule.")
    ] = None,
    url: Annotated[
        str | None, Query(min_length=1, max_length=2000, description="Only those whose URL, as shown, begins so.")
    ] = None,
    name: Annotated[
        str | None, Query(min_length=1, max_length=500, description="Only those whose name holds this, in any case.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Subscription]:
    """Subscriptions, newest first."""
    await control.subscriptions.fresh()

    def wanted(record: SubscriptionRecord) -> bool:
        return (
            record.tenant == actor.tenant
            and (status is None or status_of(record) == status)
            and (rule is None or any(fnmatchcase(rule, glob) for glob in record.rules))
            and (url is None or url_of(record).startswith(url))
            and (name is None or name.casefold() in record.name.casefold())
        )

    return newest_first(
        filter(wanted, control.subscriptions.all()),
        Keys.of("subscriptions", {"status": status, "rule": rule, "url": url, "name": name}),
        cursor,
        limit,
        key=lambda record: (record.created_ms, record.id),
        shown=shown,
    )
