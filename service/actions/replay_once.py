"""A replay that somebody may ask for twice, because the answer was lost: the same Idempotency-Key sends once.

What `replay` leaves out as pending protects only until the replay has ended. So what was answered is kept with its
change, for a day, and a repeat gets it.
"""

import asyncio
from dataclasses import dataclass

import orjson

from service.actions import replay
from service.actions.actor import Actor
from service.actions.changes import Change, first_asked, last_done, noted
from service.actions.control import Control
from service.delivery.replay import Choice, Wanted
from service.model import topics
from service.model.control_records import ChangeRecord
from service.model.errors import RequestReused, Unavailable

NAMED = 100
"""Ids in an answer."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was put on its way."""

    count: int
    ids: tuple[str, ...]
    """The first NAMED."""
    left_out: dict[str, int]
    """How many, by reason."""
    replayed: bool = False
    """An earlier request with the same Idempotency-Key did it."""


async def once(
    control: Control, actor: Actor, wanted: Wanted, *, key: str | None = None, request: str | None = None
) -> Sent:
    """Send again what is wanted, unless it is on its way.

    Args:
        control: follows `subscriptions`.
        actor: of its subscriptions only.
        wanted: at most `replay.MOST`; of one id that nobody knows nothing is sent, and nothing is left out.
        key: from an Idempotency-Key, hexadecimal; good for a day.
        request: the hash of the request that it was given with.

    Raises:
        BadInput: it is too much.
        RequestReused: the key was given with another request.
        Unavailable, WrongSetup: Kafka does not answer in time or refuses us, or the same request is under way.
    """
    now_ms = control.now_ms()
    change = Change("deliveries.replayed", wanted.delivery or wanted.subscription or "", at_ms=now_ms, request=request,
                    key=None if key is None else f"replay-{key}")  # fmt: skip
    day_ms = now_ms - topics.DAY_MS
    if key is not None and (done := await last_done(control, actor, change, day_ms)):
        return _answered(done, request)
    choice = await _chosen(control, actor, wanted)
    if not choice.records and (key is None or not choice.left_out):
        return _sent(choice)
    if key is not None:
        first, _ = await first_asked(control, actor, change, day_ms)
        if done := await last_done(control, actor, change, day_ms):  # while this was chosen
            return _answered(done, request)
        if first.request != request:
            raise _reused()
        mine = (first.at_ms, first.request_id) == (now_ms, actor.request_id)
        # whoever began it is given up for dead after this time, for it gives up before
        if not mine and now_ms - first.at_ms < 2_000 * control.settings.api.timeout_s:
            raise Unavailable("the same request is being carried out; send it again in a moment")
    async with noted(control, actor, change) as outcome:
        await replay.put(control, choice)
        sent = _sent(choice)
        outcome.result = orjson.dumps({"count": sent.count, "ids": sent.ids, "left_out": sent.left_out}).decode()
    return sent


async def _chosen(control: Control, actor: Actor, wanted: Wanted) -> Choice:
    timeout_s = control.settings.api.timeout_s
    try:
        async with asyncio.timeout(timeout_s):
            return await replay.choose(control, actor, wanted, most=replay.MOST)
    except TimeoutError:
        said = f"what happened was not read within {timeout_s:g} s"
        raise Unavailable(
            f"{said} (BONGSU_API_TIMEOUT_S), and nothing is sent; `bongsu replay` takes the time that it needs"
        ).told_outside_as(f"{said}, and nothing is sent; try again later, or ask whoever runs Bongsu") from None


def _sent(choice: Choice) -> Sent:
    ids = tuple(record.id for record in choice.records[:NAMED])
    return Sent(len(choice.records), ids, {str(why): count for why, count in choice.left_out.items()})


def _answered(done: ChangeRecord, request: str | None) -> Sent:
    if done.request != request:
        raise _reused()
    said = orjson.loads(done.result or "{}")
    return Sent(said.get("count", 0), tuple(said.get("ids", ())), said.get("left_out", {}), replayed=True)


def _reused() -> RequestReused:
    return RequestReused("this Idempotency-Key was used for another request; take another key.")
