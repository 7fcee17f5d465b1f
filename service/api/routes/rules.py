"""/v1/rules and /v1/entities: what is in force, and a draft checked, explained, tried and applied.

A draft is one rule file, YAML or JSON. To be checked or applied it is the body itself, so that line and column of a
fault are those of what was sent; to be explained or tried it is a text in a JSON body. Nothing of it is parsed on the
event loop (`actions/rules_process.py`), and whoever hangs up stops what was done for them.
"""

import json
from collections.abc import Awaitable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from service.actions import rules as actions
from service.actions.control import Control
from service.actions.rules_explain import UnknownName
from service.actions.rules_process import Rules, RulesProcesses, while_there
from service.actions.standing_rules import RulesInForce, StandingRules
from service.api.bodies import one_of, whole
from service.api.etags import PATTERN, put_tag, stale, wanted_version
from service.api.models.common import at_or_none
from service.api.models.rules import (
    EXAMPLE,
    MAX_FAILED,
    MAX_RULES,
    Applied,
    Backtested,
    BacktestRequest,
    Checked,
    EntitiesPage,
    Entity,
    Explained,
    ExplainRequest,
    FailedTest,
    Fault,
    Rule,
    RulesPage,
    RuleWithSource,
    Warned,
)
from service.api.openapi import problems
from service.api.paging import DEFAULT_LIMIT, Cursor, Keys, Limit
from service.api.problems import ApiProblem
from service.api.security import needs
from service.api.services import ActorDep, ControlDep, NowDep
from service.model.errors import ChangedMeanwhile, NotFound, UndecodableArticle

JSON, YAML = "application/json", "application/yaml"
ANYTHING = {"type": ["object", "array", "string", "number", "boolean", "null"]}
"""What does not load is told as such, not refused."""
DRAFT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A rule file (docs/rules.md).",
        "content": {
            YAML: {"schema": ANYTHING, "example": EXAMPLE},
            JSON: {
                "schema": ANYTHING,
                "example": {"entities": [{"id": "garam", "name": "가람시"}], "rules": [{"id": "g", "when": "@garam"}]},
            },
        },
    }
}
RuleId = Annotated[str, Path(min_length=1, max_length=200, description="As in the rule file.")]
EntityId = Annotated[str, Path(min_length=1, max_length=200, description="As in the rule file, without `@`.")]
MustMatch = Annotated[
    str,
    Header(
        alias="If-Match",
        pattern=PATTERN,
        max_length=1_000,
        description='The `ETag` of the rules that were looked at (`"none"` where nothing was ever applied), or `*`.',
        examples=['"none"'],
    ),
]
T = TypeVar("T")
router = APIRouter(prefix="/v1", tags=["rules"])


def _processes(request: Request, control: ControlDep) -> RulesProcesses:
    """One pool for the application."""
    kept: RulesProcesses | None = getattr(request.app.state, "rules_processes", None)
    if kept is None:
        kept = RulesProcesses(control.settings.matching, control.settings.api.timeout_s)
        request.app.state.rules_processes = kept
    return kept


ProcessesDep = Annotated[RulesProcesses, Depends(_processes)]


@router.get("/rules", operation_id="list_rules", dependencies=needs("rules:read"))
async def list_rules(
    control: ControlDep, actor: ActorDep, response: Response, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> RulesPage:
    """The rules in force, by id. A cursor holds for one version: begin again when other rules were applied."""
    found = await _in_force(control, actor.tenant)
    put_tag(response, found.version)
    items, following = _page("rules", found, found.rules, cursor, limit)
    return RulesPage(**_totals(found), items=[Rule.of(one) for one in items], next_cursor=following)


@router.get("/entities", operation_id="list_entities", dependencies=needs("rules:read"))
async def list_entities(
    control: ControlDep, actor: ActorDep, response: Response, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
) -> EntitiesPage:
    """The entities in force, by id; cursors as of the rules."""
    found = await _in_force(control, actor.tenant)
    put_tag(response, found.version)
    items, following = _page("entities", found, found.entities, cursor, limit)
    return EntitiesPage(**_totals(found), items=[Entity.of(one) for one in items], next_cursor=following)


@router.get(
    "/rules/{rule_id}", operation_id="get_rule", dependencies=needs("rules:read"), responses=problems("not-found")
)
async def get_rule(control: ControlDep, actor: ActorDep, response: Response, rule_id: RuleId) -> RuleWithSource:
    """One rule in force, with its source."""
    found = await _in_force(control, actor.tenant)
    written = found.rules.get(rule_id)
    if written is None:
        raise NotFound(f"there is no rule {rule_id!r} in force")
    put_tag(response, found.version)
    return RuleWithSource(**Rule.of(written).model_dump(), source=written)


@router.get(
    "/entities/{entity_id}",
    operation_id="get_entity",
    dependencies=needs("rules:read"),
    responses=problems("not-found"),
)
async def get_entity(control: ControlDep, actor: ActorDep, response: Response, entity_id: EntityId) -> Entity:
    """One entity in force."""
    found = await _in_force(control, actor.tenant)
    written = found.entities.get(entity_id)
    if written is None:
        raise NotFound(f"there is no entity {entity_id!r} in force")
    put_tag(response, found.version)
    return Entity.of(written)


@router.post(
    "/rules/check", operation_id="check_rules", dependencies=needs("rules:read"), openapi_extra=DRAFT,
    responses=problems("request-timeout", "body-too-large", "unsupported-media-type"),
)  # fmt: skip
async def check_rules(request: Request, control: ControlDep, processes: ProcessesDep) -> Checked:
    """Whether a draft loads, what will be regretted, and which of the rules' own tests fail.

    200 in either case: `loads` and `tests_failed_total` tell.
    """
    draft = await _draft(request, control)
    told = await _there(request, processes.check(draft))
    return Checked(
        loads=told["loads"],
        version=told.get("version"),
        rules_total=told.get("rules", 0),
        entities_total=told.get("entities", 0),
        errors=[Fault(**_without_file(one)) for one in told["errors"]],
        warnings=[Warned(**_without_file(one)) for one in told["warnings"][:MAX_RULES]],
        tests_total=told["tests"],
        tests_failed_total=told["failed"],
        tests_failed=[FailedTest.model_validate(one) for one in told["failures"][:MAX_FAILED]],
    )


@router.post(
    "/rules/explain", operation_id="explain_rules", dependencies=needs("rules:read"),
    responses=problems("not-found", "invalid-rules"),
)  # fmt: skip
async def explain_rules(
    request: Request, control: ControlDep, actor: ActorDep, processes: ProcessesDep, body: ExplainRequest
) -> Explained:
    """Of every occurrence in an article why it counts or does not; of a rule each part. Nothing is published."""
    version = None
    if body.draft is not None:
        rules = Rules.of_draft(body.draft.encode("utf-8", "surrogatepass"))
    else:
        found = await _in_force(control, actor.tenant)
        version = found.version
        rules = Rules.of_records(version, found.records)
    try:
        article = json.dumps(body.article).encode()  # orjson would refuse integers of more than 64 bits
        told = await _there(request, processes.explain(rules, article, body.entity, body.rule))
    except UnknownName as error:
        raise ApiProblem("not-found", str(error)) from None
    except (UndecodableArticle, TypeError) as error:
        raise ApiProblem(
            "invalid-request", f"/article: {error}", errors=[{"pointer": "/article", "detail": str(error)}]
        ) from None
    return Explained(version=version, **told)


@router.post(
    "/rules/backtest", operation_id="backtest_rules", dependencies=needs("rules:read"),
    responses=problems("invalid-rules"),
)  # fmt: skip
async def backtest_rules(
    request: Request,
    control: ControlDep,
    actor: ActorDep,
    now_ms: NowDep,
    processes: ProcessesDep,
    body: BacktestRequest,
) -> Backtested:
    """What a draft would have found in the articles of the last day; one answer, after a minute at most.

    One at a time: others wait. Whoever hangs up ends it.
    """
    rules = Rules.of_draft(body.draft.encode("utf-8", "surrogatepass"))
    against = None
    if body.compare:
        found = await _in_force(control, actor.tenant)
        against = Rules.of_records(found.version, found.records)
    since_ms = now_ms - round(body.hours * 3_600_000)
    told = await _there(
        request,
        processes.backtest(control.settings.kafka, rules, against, since_ms=since_ms, max_articles=body.max_articles),
    )
    every = told.pop("rules")
    firing = [one for one in every if one["articles"] or one.get("lost")]
    firing.sort(key=lambda one: (-(one.get("gained", 0) + one.get("lost", 0)), -one["articles"], one["rule"]))
    return Backtested(**told, rules=firing[:MAX_RULES], silent=len(every) - len(firing))


@router.put(
    "/rules", operation_id="apply_rules", dependencies=needs("rules:apply"), openapi_extra=DRAFT,
    responses=problems(
        "invalid-rules", "precondition-failed", "request-timeout", "body-too-large", "unsupported-media-type"
    ),
)  # fmt: skip
async def apply_rules(
    request: Request,
    control: ControlDep,
    actor: ActorDep,
    processes: ProcessesDep,
    response: Response,
    if_match: MustMatch,
) -> Applied:
    """Put a rule set in force in place of the one that `If-Match` names: all of it or nothing, in every worker.

    Of two who saw the same set the first succeeds, the second hears 412. The same set again changes nothing.
    """
    draft = await _draft(request, control)
    found = await _in_force(control, actor.tenant)
    expected = wanted_version(if_match, found.version)
    kafka = control.settings.kafka

    async def publish() -> dict[str, Any]:
        return await processes.apply(kafka, draft, actor.tenant, expected)

    try:
        told = await actions.apply(control, actor, publish)
    except ChangedMeanwhile:
        raise stale() from None
    now = await _in_force(control, actor.tenant)
    put_tag(response, told["version"])
    return Applied(
        version=told["version"],
        applied_at=at_or_none(now.applied_ms) if now.version == told["version"] else None,
        rules_total=told["rules"],
        entities_total=told["entities"],
        items_written=told["items_written"],
        items_kept=told["items_kept"],
        items_removed=told["items_removed"],
    )


async def _in_force(control: Control, tenant: str) -> RulesInForce:
    """Of a tenant, with all that anybody applied before."""
    rules: StandingRules | None = control.rules
    assert rules is not None, "the API follows the rules"
    await rules.fresh(control.settings.api.timeout_s)
    return await rules.of(tenant)


async def _draft(request: Request, control: Control) -> bytes:
    one_of(request, (YAML, JSON))
    return await whole(request, control.settings.api.max_body_bytes)


async def _there(request: Request, work: Awaitable[T]) -> T:
    """What `work` gives, while whoever asked for it is there."""
    done = await while_there(work, request.is_disconnected)
    if done is None:
        raise ApiProblem("malformed-request", "whoever asked has hung up")
    return done


def _totals(found: RulesInForce) -> dict[str, Any]:
    return {
        "version": found.version,
        "applied_at": at_or_none(found.applied_ms),
        "rules_total": len(found.rules),
        "entities_total": len(found.entities),
    }


def _page(
    name: str, found: RulesInForce, every: Mapping[str, dict[str, Any]], cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    keys = Keys.of(name, {"version": found.version})
    after = keys.read(cursor, (str,))
    left = [one for one_id, one in every.items() if after is None or one_id > after[0]]
    page = left[:limit]
    return page, keys.write([page[-1]["id"]]) if len(left) > limit else None


def _without_file(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in ("file", "rule", "entity")}
