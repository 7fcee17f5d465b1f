"""/v1/changes: who changed what."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.api.history import LAG_HEADER, After, AskedDep, Before, FilterText, between
from service.api.models.changes import Change, shown_change
from service.api.openapi import problems
from service.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from service.api.security import needs
from service.api.services import ActorDep

router = APIRouter(prefix="/v1/changes", tags=["changes"])


@router.get(
    "",
    operation_id="list_changes",
    dependencies=needs("changes:read"),
    responses=LAG_HEADER | problems("history-unavailable"),
)
async def list_changes(
    asked: AskedDep,
    actor: ActorDep,
    target: Annotated[FilterText | None, Query(description="Only those of what has this id.")] = None,
    by: Annotated[
        FilterText | None, Query(description="Only those of this actor: `token:<id>`, `cli:<user>@<host>`.")
    ] = None,
    action: Annotated[
        FilterText | None, Query(description="Only those: `subscription.created`, `rules.applied` ...")
    ] = None,
    after: After = None,
    before: Before = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Change]:
    """Changes of your tenant, newest first: by any token, and by whoever has a shell.

    `target` is the id of what was changed, `by` an actor as the list shows it, `action` e.g. `subscription.created`.
    """
    filters = {"target": target, "actor": by, "action": action, **between(after, before)}
    return await asked.page(
        f"changes of {actor.tenant}", filters, cursor, limit,
        lambda history, wanted: history.changes(actor.tenant, **wanted), shown_change,
    )  # fmt: skip
