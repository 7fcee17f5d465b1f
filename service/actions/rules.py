"""Putting rules in force: `bongsu rules apply` and PUT /v1/rules, each with its change written down."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from service.actions.actor import Actor
from service.actions.changes import Change, noted
from service.actions.control import Control

T = TypeVar("T")
TARGET = "rules"
"""What is changed, of every tenant: a set has no id."""


async def apply(control: Control, actor: Actor, publish: Callable[[], Awaitable[T]]) -> T:
    """What `publish` gives; `changes` says who asked and what came of it. Begun, it is not cut short.

    Raises:
        InvalidRules: they do not load.
        ChangedMeanwhile: another set is in force than who asked has seen; it stays.
        Unavailable, WrongSetup: Kafka does not answer or refuses us; the old set stays, or the new one is in force.
    """

    async def whole() -> T:
        async with noted(control, actor, Change("rules.applied", TARGET)):
            return await publish()

    work = asyncio.ensure_future(whole())
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        work.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody else will look
        raise
