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
from service.adapters.topic_scan import scan
from service.model import topics
from service.model.control_records import ChangeRecord
from service.model.errors import BadInput, ChangedMeanwhile, Unavailable


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
    key: str | None = None
    """The same one makes the same change id, where a request can be repeated that leaves no other record."""
    at_ms: int | None = None
    """When it was asked; None: now."""
    request: str | None = None
    """Hash of the request, where a key that comes back with another must be refused."""


@dataclass(slots=True)
class Outcome:
    """What is written down with `done`."""

    result: str | None = None


@asynccontextmanager
async def noted(control: Control, actor: Actor, change: Change) -> AsyncIterator[Outcome]:
    """Around the write: `asked` before it, `done` or `refused` after it; neither when nobody knows what became of it.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, and nothing was changed.
    """
    asked = _asked(control, actor, change)
    await _write(control, asked)
    outcome = Outcome()
    try:
        yield outcome
    except (BadInput, ChangedMeanwhile) as error:
        await _end(control, asked.model_copy(update={"outcome": "refused", "reason": _first_line(error)}))
        raise
    await _end(control, asked.model_copy(update={"outcome": "done", "result": outcome.result}))


async def first_asked(control: Control, actor: Actor, change: Change, since_ms: int) -> tuple[ChangeRecord, bool]:
    """Ask under the key of `change`, unless that was done since then; of several who do at once all see the first.

    Returns:
        The first that was asked, and whether that was carried out.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    mine = _asked(control, actor, change)
    found = await _under(control, mine, since_ms)
    if not found:
        await _write(control, mine)
        found = await _under(control, mine, since_ms)
    return next(iter(found), mine), any(record.outcome == "done" for record in found)


async def last_done(control: Control, actor: Actor, change: Change, since_ms: int) -> ChangeRecord | None:
    """What was carried out under the key of `change` since then. Raises as `first_asked`."""
    found = await _under(control, _asked(control, actor, change), since_ms)
    return next((record for record in reversed(found) if record.outcome == "done"), None)


async def _under(control: Control, wanted: ChangeRecord, since_ms: int) -> list[ChangeRecord]:
    found = []
    async for record in scan(control.settings.kafka, topics.CHANGES, since_ms):
        try:
            change = ChangeRecord.decode(record.value or b"", topics.CHANGES)
        except BadInput:
            continue
        if (change.change_id, change.target) == (wanted.change_id, wanted.target):
            found.append(change)
    return found


def _asked(control: Control, actor: Actor, change: Change) -> ChangeRecord:
    return ChangeRecord(
        change_id=f"chg_{change.key or secrets.token_hex(12)}", tenant=actor.tenant, actor=actor.name,
        action=change.action, target=change.target, revision=change.revision, fields=change.fields, outcome="asked",
        request_id=actor.request_id, request=change.request,
        at_ms=control.now_ms() if change.at_ms is None else change.at_ms,
    )  # fmt: skip


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
