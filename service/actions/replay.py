"""Send again what was sent before, under the same ids and with the same bytes."""

from service.actions.actor import Actor
from service.actions.changes import Change, noted
from service.actions.control import Control
from service.adapters.topic_scan import scan
from service.delivery.replay import Choice, History, Wanted
from service.model import topics
from service.model.errors import BadInput
from service.model.records import AttemptRecord, DeliveryRecord

MOST = 10_000
"""Of one request: their bytes are in memory until they are on their way."""


async def choose(control: Control, actor: Actor, wanted: Wanted, *, most: int | None = None) -> Choice:
    """Read what happened, and choose; nothing is sent. Of the actor's subscriptions only, and of none that is gone.

    Raises:
        BadInput: it is more than `most`; nothing is sent of it.
        Unavailable, WrongSetup: Kafka does not answer, or a topic does not exist.
    """
    kafka = control.settings.kafka
    await control.subscriptions.fresh()
    others = {record.id for record in control.subscriptions.all() if record.tenant != actor.tenant}
    others |= {key for key, gone in control.subscriptions.follower.standing.gone.items() if gone.tenant != actor.tenant}
    history = History(wanted)
    since_ms = wanted.since_ms or None
    async for record in scan(kafka, topics.ATTEMPTS, since_ms):
        try:
            attempt = AttemptRecord.decode(record.value or b"", topics.ATTEMPTS)
        except BadInput:
            continue
        if attempt.subscription not in others:
            history.attempt(attempt)
    # what failed since then may have been decided long before
    async for record in scan(kafka, topics.DELIVERIES, None if wanted.failed else since_ms):
        try:
            delivery = DeliveryRecord.decode(record.value or b"", topics.DELIVERIES)
        except BadInput:
            continue  # the dispatcher has put it to dead-letters
        if delivery.subscription not in others:
            history.delivery(delivery)
        if most is not None and history.held > most:
            raise BadInput(f"more than {most} deliveries: nothing is sent again; ask for a shorter time")
    known = {record.id for record in control.subscriptions.all() if record.tenant == actor.tenant}
    lives_ms = round(control.settings.alerting.time_to_live_s * 1000)
    return history.choose(known, control.now_ms(), lives_ms)


async def send(control: Control, actor: Actor, choice: Choice) -> None:
    """Put what was chosen on its way. Raises Unavailable, WrongSetup; some may be on their way then."""
    if not choice.records:
        return
    targets = sorted({record.subscription for record in choice.records})
    target = choice.records[0].id if len(choice.records) == 1 else ",".join(targets)[:500]
    async with noted(control, actor, Change("deliveries.replayed", target)):
        await put(control, choice)


async def put(control: Control, choice: Choice) -> None:
    """As `send`, by who has written down that it was asked for."""
    await control.send(topics.DELIVERIES, ((record.subscription, record.encode()) for record in choice.records))
