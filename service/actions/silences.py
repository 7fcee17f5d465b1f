"""Silences: made, previewed, listed, lifted."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from service.actions.actor import Actor
from service.actions.changes import Change, names_of, noted
from service.actions.control import Control
from service.actions.revisions import check_expected, made_anew
from service.actions.subscriptions import Made
from service.adapters.topic_scan import scan
from service.alerting.silence import Silence, matches
from service.model import topics
from service.model.control_records import SilenceMatchers, SilenceRecord
from service.model.errors import BadInput, ChangedMeanwhile, NotFound, RequestReused
from service.model.records import AlertRecord, decode_alerts
from service.model.tenants import local_alert, tenant_of

MAX_SPAN_MS = 366 * topics.DAY_MS


@dataclass(frozen=True, slots=True)
class NewSilence:
    """What is wanted of a new one; times are milliseconds since the epoch."""

    matchers: SilenceMatchers
    """At least one glob."""
    starts_ms: int
    """Now, when that is past."""
    ends_ms: int | None
    """None: `lasts_ms` after it begins, which is when it is made, not when somebody asked."""
    author: str
    """Who says so, for people."""
    comment: str
    """Why, for whoever misses an alert."""
    lasts_ms: int = 0


async def create(
    control: Control, actor: Actor, wanted: NewSilence, *, id_: str | None = None, request: str | None = None
) -> Made[SilenceRecord]:
    """Hide what all of its matchers fit, of the actor's tenant, from a time until another. It stands on return.

    Args:
        control: follows `silences`.
        actor: its tenant's alerts are hidden, and no others.
        wanted: the silence.
        id_: made from an Idempotency-Key; else one is made up.
        request: the hash of the request that the key was given with.

    Raises:
        BadInput: it hides nothing, ends before it begins, lasts longer than a year, or does not say why.
        RequestReused: this key made something else.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    now_ms = control.now_ms()
    starts_ms = max(wanted.starts_ms, now_ms)
    if id_ is not None:  # before it is judged: the same request may have been well when it came first
        await control.silences.fresh()
        if earlier := _made_before(control, actor, id_, request):
            return earlier
    ends_ms = starts_ms + wanted.lasts_ms if wanted.ends_ms is None else wanted.ends_ms
    check_span(starts_ms, ends_ms)
    if not any(wanted.matchers.model_dump().values()):
        raise BadInput("a silence must say what it hides; the rule '*' is everything")
    if not wanted.comment.strip():
        raise BadInput("a silence must say why, in a word at least")
    record = SilenceRecord(
        id=id_ or f"sil_{secrets.token_hex(8)}", tenant=actor.tenant, matchers=wanted.matchers, starts_ms=starts_ms,
        ends_ms=ends_ms, author=wanted.author, comment=wanted.comment.strip(), created_ms=now_ms,
        updated_ms=now_ms, request=request,
    )  # fmt: skip
    fields = names_of(record.model_dump(exclude_defaults=True, exclude={"id", "request"}))
    try:
        async with noted(control, actor, Change("silence.created", record.id, 1, fields)):
            return Made(await control.silences.write(record))
    except ChangedMeanwhile:
        if earlier := _made_before(control, actor, record.id, request):
            return earlier
        raise


async def is_made(control: Control, actor: Actor, id_: str | None) -> bool:
    """As of subscriptions."""
    return id_ is not None and await control.silences.of(actor.tenant, id_) is not None


def check_span(starts_ms: int, ends_ms: int) -> None:
    """Raises BadInput: it ends before it begins, or lasts longer than a year."""
    if ends_ms <= starts_ms:
        raise BadInput("a silence must end after it begins, and after now")
    if ends_ms - starts_ms > MAX_SPAN_MS:
        raise BadInput("a silence of more than a year: change the rule or the subscription instead")


def _made_before(control: Control, actor: Actor, id_: str, request: str | None) -> Made[SilenceRecord] | None:
    stands = control.silences.get(id_)
    if stands is None:
        return None
    if stands.request != request or stands.tenant != actor.tenant:
        raise RequestReused("this Idempotency-Key was used for another request; take another key.")
    return Made(stands, replayed=True)


async def get(control: Control, actor: Actor, silence: str) -> SilenceRecord:
    """The silence of this id, also when it has ended (for a month).

    Raises:
        NotFound: there is none.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    record = await control.silences.of(actor.tenant, silence)
    if record is None:
        raise NotFound(f"there is no silence {silence}; `bongsu silence list --all` shows them")
    return record


async def list_(control: Control, actor: Actor) -> tuple[SilenceRecord, ...]:
    """All of the actor's tenant, those that ended too, in the order of their ids. Raises Unavailable, WrongSetup."""
    return await control.silences.all_of(actor.tenant)


async def lift(
    control: Control, actor: Actor, silence: str, *, expected: Collection[int] | None = None
) -> SilenceRecord:
    """End a silence now; one that has ended already stays as it is. Raises as `subscriptions.update`."""

    async def lifted() -> SilenceRecord:
        stands = await get(control, actor, silence)
        check_expected(stands.id, stands.revision, expected)
        now_ms = control.now_ms()
        if stands.ends_ms <= now_ms:
            return stands
        fields = {"starts_ms": min(stands.starts_ms, now_ms), "ends_ms": now_ms, "updated_ms": now_ms}
        record = stands.model_copy(update=fields | {"revision": stands.revision + 1})
        async with noted(control, actor, Change("silence.lifted", record.id, record.revision, ("ends_ms",))):
            return await control.silences.write(record)

    return await made_anew(lifted, expected)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a silence would have hidden."""

    hidden: dict[str, AlertRecord]
    """By alert id, in the order of their decision."""
    seen: int
    """Alerts of the tenant there were in all."""


async def preview(control: Control, actor: Actor, matchers: SilenceMatchers, since_ms: int) -> Preview:
    """The alerts of the actor's tenant since then that fit, each once. Reads the topic `alerts`. Raises as `scan`."""
    silence = Silence("preview", matchers, 0, 0, actor.tenant)
    found: dict[str, AlertRecord] = {}
    seen: set[str] = set()
    async for record in scan(control.settings.kafka, topics.ALERTS, since_ms):
        try:
            alert = decode_alerts(record.value or b"")
        except BadInput:
            continue  # the worker has put it to dead-letters
        if isinstance(alert, AlertRecord) and tenant_of(alert.rule.id) == actor.tenant:
            seen.add(alert.alert_id)
            if matches(silence, alert):
                found[alert.alert_id] = local_alert(alert)
    return Preview(found, len(seen))


async def notes_on(control: Control, actor: Actor, matchers: SilenceMatchers) -> list[str]:
    """Look up what was named; what fits nothing in force comes back, a sentence each.

    Raises:
        BadInput: something that is named exactly does not exist.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    named = [
        *matchers.rule,
        *(f"tag:{tag}" for tag in matchers.tag),
        *(f"entity:{entity}" for entity in matchers.entity),
    ]
    known = await control.known_rules(actor.tenant) if named else None
    notes = known.check(named) if known else []
    exact = {one for one in matchers.subscription if not set("*?[") & set(one)}
    if exact:
        theirs = {record.id for record in await control.subscriptions.all_of(actor.tenant)}
        if missing := exact - theirs:
            raise BadInput(f"there is no subscription {min(missing)}; `bongsu subscriptions list` shows them")
    return notes
