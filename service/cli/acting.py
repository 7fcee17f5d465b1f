"""A command that acts: its settings, a `Control` for as long as it takes, and who runs it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import click

from service.actions.actor import Actor
from service.actions.control import Control
from service.model import topics
from service.model.record import DEFAULT_TENANT
from service.settings import Settings

T = TypeVar("T")


def act(
    settings: Settings,
    action: Callable[[Control, Actor], Awaitable[T]],
    *,
    tenant: str = DEFAULT_TENANT,
    follow: tuple[str, ...] = (topics.SUBSCRIPTIONS,),
) -> T:
    """Run `action` in a loop of its own, with those topics read that it needs.

    Raises:
        Unavailable, WrongSetup, NewerSchema: as `Control.start`; and whatever `action` raises.
    """

    async def run() -> T:
        async with Control(settings, follow=follow, once=True) as control:
            return await action(control, Actor.of_shell(tenant))

    return asyncio.run(run())


def tell(notes: Iterable[str]) -> None:
    """What a person should know and what changes nothing: on stderr."""
    for note in notes:
        click.echo(f"note: {note}", err=True)
