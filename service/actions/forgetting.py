"""Forget one subscriber: its rows go from the history, and do not come back when that is read again.

What is asked for is itself the record that the history reads, so an index that is rebuilt forgets too. The topics keep
their records until Kafka removes them by age.
"""

from service.actions.actor import Actor
from service.actions.changes import Change, noted
from service.actions.control import Control
from service.history.fold import FORGOTTEN
from service.model.errors import NotFound


async def forget(control: Control, actor: Actor, subscription: str, *, unknown: bool = False) -> int:
    """Have the history forget all records of a subscription that were written until now.

    Args:
        control: follows `subscriptions`.
        actor: whose tenant the subscription is of.
        subscription: its id; it may be removed already.
        unknown: it was removed so long ago that nothing is known of it any more.

    Returns:
        Until when (ms) its records are forgotten.

    Raises:
        NotFound: there is no such subscription, and none was removed within a month.
        Unavailable, WrongSetup: Kafka does not answer or refuses us; nothing is forgotten.
    """
    await control.subscriptions.fresh()
    known = control.subscriptions.get(subscription) or control.subscriptions.gone(subscription)
    if known is None and not unknown:
        raise NotFound(
            f"there is no subscription {subscription}, and none of this id was removed within a month; --unknown "
            "forgets the records of this id all the same"
        )
    if known is not None and known.tenant != actor.tenant:
        raise NotFound(f"there is no subscription {subscription}")
    until_ms = control.now_ms()
    async with noted(control, actor, Change(FORGOTTEN, subscription)):
        pass  # that it was asked for is all there is to it
    return until_ms
