"""/v1/silences: not to be told of something for a while."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from service.actions import silences as actions
from service.api.etags import IfMatch, if_matching, put_tag
from service.api.idempotency import IdempotencyDep, say_whether
from service.api.limits import AtOnce
from service.api.models.common import at, ms_of
from service.api.models.silences import (
    HiddenAlert,
    Silence,
    SilenceMade,
    SilenceNew,
    SilencePreview,
    SilencePreviewAsked,
    State,
    fields_of,
    shown,
    state_of,
)
from service.api.openapi import problems
from service.api.paging import DEFAULT_LIMIT, Cursor, Keys, Limit, Page, newest_first
from service.api.problems import ApiProblem
from service.api.security import needs
from service.api.services import ActorDep, CallerDep, ControlDep, NowDep
from service.model import topics
from service.model.errors import BadInput
from service.model.records import AlertRecord
from service.model.tenants import local

router = APIRouter(prefix="/v1/silences", tags=["silences"])
PREVIEW_MS = topics.DAY_MS
MAX_PREVIEW_MS = 7 * topics.DAY_MS
SHOWN = 20
_previewing = AtOnce(2, "previews")
SilenceId = Annotated[str, Path(description="`sil_...`", min_length=1, max_length=512)]


@router.post(
    "",
    operation_id="create_silence",
    dependencies=needs("silences:write"),
    status_code=201,
    responses=problems("idempotency-key-reused"),
)
async def create_silence(
    control: ControlDep,
    caller: CallerDep,
    idempotency: IdempotencyDep,
    body: SilenceNew,
    response: Response,
    now_ms: NowDep,
) -> SilenceMade:
    """Hide what all of its matchers fit. What it hid comes in one digest when it ends or is lifted."""
    matchers = body.matchers.record()
    starts_ms = now_ms if body.starts_at is None else max(ms_of(body.starts_at), now_ms)
    ends_ms = ms_of(body.ends_at) if body.ends_at else None
    lasts_ms = round((body.duration_s or 0) * 1000)
    id_, notes = idempotency.id_for("sil_"), []
    try:
        notes = await actions.notes_on(control, caller.actor, matchers)
    except BadInput:
        if not await actions.is_made(control, caller.actor, id_):
            raise
    made = await actions.create(
        control,
        caller.actor,
        actions.NewSilence(matchers, starts_ms, ends_ms, body.author or caller.token.name, body.comment, lasts_ms),
        id_=id_,
        request=idempotency.request_hash(body),
    )
    say_whether(made.replayed, response)
    put_tag(response, made.record.revision)
    response.headers["Location"] = f"/v1/silences/{made.record.id}"
    # the clock has gone on since the request came: one that begins now is not to be told as pending
    return SilenceMade(**fields_of(made.record, max(now_ms, control.now_ms())), notes=notes)


@router.get("", operation_id="list_silences", dependencies=needs("silences:read"))
async def list_silences(
    control: ControlDep,
    actor: ActorDep,
    now_ms: NowDep,
    state: Annotated[State | None, Query(description="Only those. Default: all, ended ones for 30 days.")] = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[Silence]:
    """Silences, newest first."""
    found = await actions.list_(control, actor)
    return newest_first(
        (record for record in found if state is None or state_of(record, now_ms) == state),
        Keys.of("silences", {"state": state}),
        cursor,
        limit,
        key=lambda record: (record.created_ms, record.id),
        shown=lambda record: shown(record, now_ms),
    )


@router.post(
    "/preview",
    operation_id="preview_silence",
    dependencies=needs("silences:read"),
    responses=problems("rate-limited"),
)
async def preview_silence(
    control: ControlDep, actor: ActorDep, now_ms: NowDep, body: SilencePreviewAsked
) -> SilencePreview:
    """What a silence would have hidden of the last day. Changes nothing."""
    since_ms = now_ms - PREVIEW_MS if body.since is None else ms_of(body.since)
    if since_ms < now_ms - MAX_PREVIEW_MS:
        raise ApiProblem(
            "invalid-request",
            "since: at most 7 days back",
            errors=[{"pointer": "/since", "detail": "at most 7 days back"}],
        )
    with _previewing.one():
        found = await actions.preview(control, actor, body.matchers.record(), since_ms)
    newest = sorted(found.hidden.values(), key=lambda alert: -alert.alerted_ms)[:SHOWN]
    rules = Counter(local(alert.rule.id) for alert in found.hidden.values())
    return SilencePreview(
        since=at(since_ms),
        hidden=len(found.hidden),
        seen=found.seen,
        by_rule=dict(rules.most_common()),
        newest=[_alert(alert) for alert in newest],
    )


@router.get(
    "/{silence_id}",
    operation_id="get_silence",
    dependencies=needs("silences:read"),
    responses=problems("not-found"),
)
async def get_silence(
    control: ControlDep, actor: ActorDep, now_ms: NowDep, silence_id: SilenceId, response: Response
) -> Silence:
    """A silence, also one that ended, for 30 days."""
    record = await actions.get(control, actor, silence_id)
    put_tag(response, record.revision)
    return shown(record, now_ms)


@router.post(
    "/{silence_id}/lift",
    operation_id="lift_silence",
    dependencies=needs("silences:write"),
    responses=problems("not-found", "changed-meanwhile", "precondition-failed"),
)
async def lift_silence(
    control: ControlDep,
    actor: ActorDep,
    now_ms: NowDep,
    silence_id: SilenceId,
    response: Response,
    if_match: IfMatch = None,
) -> Silence:
    """End it now; what it hid comes in one digest. One that has ended already stays as it is."""
    with if_matching(if_match) as expected:
        record = await actions.lift(control, actor, silence_id, expected=expected)
    put_tag(response, record.revision)
    return shown(record, max(now_ms, record.ends_ms))


def _alert(alert: AlertRecord) -> HiddenAlert:
    return HiddenAlert(
        alert_id=alert.alert_id,
        alerted_at=at(alert.alerted_ms),
        subscription=alert.subscription,
        rule=local(alert.rule.id),
        story=alert.story.id,
        source=alert.article.source,
        article=alert.article.id,
        title=alert.article.title,
    )
