"""Who asked for which change, and what became of it: on the topic `changes`, before and after each.

What was asked is acknowledged before anything changes, so no change is without its record. An `asked` without an end:
whoever asked was killed, or was cut off from Kafka, between the two; whether the change stands, the control topic says.
"""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service import logs
from service.actions.actor import Actor
from service.actions.control import Control
from service.model import topics
from service.model.errors import BadInput, ChangedMeanwhile, Unavailable
from service.model.records import ChangeRecord


@dataclass(frozen=True, slots=True)
class Change:
    """What is asked for."""

    action: str
    """`subscription.created`, `subscription.updated`, `rules.applied`, ..."""
    target: str
    """Id of what is changed."""
    revision: int | None = None
    """That it would have."""
    fields: tuple[str, ...] = ()
    """Names of what changes."""


@asynccontextmanager
async def noted(control: Control, actor: Actor, change: Change) -> AsyncIterator[None]:
    """Around the write: `asked` before it, `done` or `refused` after it; neither when nobody knows what became of it.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, and nothing was changed.
    """
    asked = ChangeRecord(
        change_id=f"chg_{secrets.token_hex(12)}", tenant=actor.tenant, actor=actor.name, action=change.action,
        target=change.target, revision=change.revision, fields=change.fields, outcome="asked",
        request_id=actor.request_id, at_ms=control.now_ms(),
    )  # fmt: skip
    await _write(control, asked)
    try:
        yield
    except (BadInput, ChangedMeanwhile) as error:
        await _end(control, asked.model_copy(update={"outcome": "refused", "reason": _first_line(error)}))
        raise
    await _end(control, asked.model_copy(update={"outcome": "done"}))


def names_of(fields: Iterable[str]) -> tuple[str, ...]:
    """Names of what changes, without those that every change has."""
    return tuple(sorted(set(fields) - {"revision", "updated_ms", "created_ms", "schema_"}))


async def _end(control: Control, record: ChangeRecord) -> None:
    """What became of it is known to who asked, whether or not it can be written down."""
    try:
        await _write(control, record.model_copy(update={"at_ms": control.now_ms()}))
    except Unavailable as error:
        logs.get(__name__).warning(
            "the end of a change could not be written down", change=record.change_id, action=record.action,
            outcome=record.outcome, reason=str(error),
        )  # fmt: skip


async def _write(control: Control, record: ChangeRecord) -> None:
    await control.send(topics.CHANGES, [(record.target, record.encode())])


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300]
