"""/v1/subscriptions: create, list, read, change, remove."""

from fnmatch import fnmatchcase
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from service.actions import subscriptions as actions
from service.actions.subscription_urls import checked_url
from service.api.etags import IfMatch, if_matching, put_tag
from service.api.idempotency import IdempotencyDep, say_whether
from service.api.models.subscription_input import SubscriptionNew, SubscriptionPatch
from service.api.models.subscriptions import (
    Status,
    Subscription,
    SubscriptionCreated,
    SubscriptionWritten,
    created,
    shown,
    status_of,
    url_of,
    written,
)
from service.api.openapi import problems
from service.api.paging import DEFAULT_LIMIT, Cursor, Keys, Limit, Page, newest_first
from service.api.security import needs
from service.api.services import ActorDep, ControlDep, SettingsDep
from service.delivery.sealing import opened_record
from service.model.control_records import SubscriptionRecord
from service.model.errors import BadInput

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])
MERGE_PATCH = "application/merge-patch+json"
SubscriptionId = Annotated[str, Path(description="`sub_...`", min_length=1, max_length=512)]


@router.post(
    "",
    operation_id="create_subscription",
    dependencies=needs("subscriptions:write"),
    status_code=201,
    responses=problems("idempotency-key-reused"),
)
async def create_subscription(
    control: ControlDep,
    actor: ActorDep,
    settings: SettingsDep,
    idempotency: IdempotencyDep,
    body: SubscriptionNew,
    response: Response,
) -> SubscriptionCreated:
    """Send what rules find to a URL. The answer shows the secret: keep it.

    With an `Idempotency-Key` the same request may be sent again: it makes nothing twice and has the same answer.
    """
    fields = body.fields()
    told = checked_url(body.url, settings.delivery)
    id_, notes = idempotency.id_for("sub_"), []
    try:
        notes = await actions.notes_on_rules(control, actor, body.rules, fields["policy"])
    except BadInput:
        if not await actions.is_made(control, actor, id_):
            raise
    made = await actions.create(control, actor, fields, id_=id_, request=idempotency.request_hash(body))
    say_whether(made.replayed, response)
    put_tag(response, made.record.revision)
    response.headers["Location"] = f"/v1/subscriptions/{made.record.id}"
    in_clear = opened_record(made.record, settings.bongsu.keys) if made.record.revision == 1 else None
    return created(made.record, in_clear, [*notes, *([told] if told else [])])


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

    def wanted(record: SubscriptionRecord) -> bool:
        return (
            (status is None or status_of(record) == status)
            and (rule is None or any(fnmatchcase(rule, glob) for glob in record.rules))
            and (url is None or url_of(record).startswith(url))
            and (name is None or name.casefold() in record.name.casefold())
        )

    return newest_first(
        filter(wanted, await actions.list_(control, actor)),
        Keys.of("subscriptions", {"status": status, "rule": rule, "url": url, "name": name}),
        cursor,
        limit,
        key=lambda record: (record.created_ms, record.id),
        shown=shown,
    )


@router.get(
    "/{subscription_id}",
    operation_id="get_subscription",
    dependencies=needs("subscriptions:read"),
    responses=problems("not-found"),
)
async def get_subscription(
    control: ControlDep, actor: ActorDep, subscription_id: SubscriptionId, response: Response
) -> Subscription:
    """A subscription, its secrets masked."""
    record = await actions.get(control, actor, subscription_id)
    put_tag(response, record.revision)
    return shown(record)


@router.patch(
    "/{subscription_id}",
    operation_id="update_subscription",
    dependencies=needs("subscriptions:write"),
    responses=problems("not-found", "changed-meanwhile", "precondition-failed"),
    openapi_extra={
        "requestBody": {"content": {MERGE_PATCH: {"schema": {"$ref": "#/components/schemas/SubscriptionPatch"}}}}
    },
)
async def update_subscription(
    control: ControlDep,
    actor: ActorDep,
    settings: SettingsDep,
    subscription_id: SubscriptionId,
    body: SubscriptionPatch,
    response: Response,
    if_match: IfMatch = None,
) -> SubscriptionWritten:
    """Change what is named (JSON merge patch, RFC 7396); what is so already makes no new revision.

    What waits goes to a new URL, under the same ids; a new format or language is that of what is found from now on.
    """
    told = checked_url(body.url, settings.delivery) if "url" in body.model_fields_set else None
    stands = await actions.get(control, actor, subscription_id)
    fields = body.fields(stands)
    notes = await actions.notes_on_rules(control, actor, fields.get("rules", ()), fields.get("policy"))
    with if_matching(if_match) as expected:
        record = await actions.update(control, actor, subscription_id, body.fields, expected=expected)
    put_tag(response, record.revision)
    return written(record, [*notes, *([told] if told else [])])


@router.delete(
    "/{subscription_id}",
    operation_id="delete_subscription",
    dependencies=needs("subscriptions:write"),
    status_code=204,
    responses=problems("not-found", "changed-meanwhile", "precondition-failed"),
)
async def delete_subscription(
    control: ControlDep, actor: ActorDep, subscription_id: SubscriptionId, if_match: IfMatch = None
) -> None:
    """Remove a subscription; what is already queued for it is no longer sent."""
    with if_matching(if_match) as expected:
        await actions.remove(control, actor, subscription_id, expected=expected)
