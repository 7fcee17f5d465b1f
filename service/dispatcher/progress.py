"""What is known to have been done under an id, so that a repeated record does not make a repeated POST.

A crash repeats records: the group stage sends its outbox again, a retry that was written before its offset was
committed is there twice. The ids are the same, so whoever remembers them can tell. This memory is bounded and only
saves work: what it has forgotten is sent again under its old id.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

from service.model.records import AttemptRecord, DeliveryRecord

REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Known:
    """The last attempt under an id. `next_due_ms` is None when it was the end."""

    number: int
    body_sha256: str
    next_due_ms: int | None
    handed_on: bool
    """The record of the next attempt is known to be written."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """Nothing is known against sending it."""


@dataclass(frozen=True, slots=True)
class Done:
    """This attempt was made and what follows from it was written: nothing to do."""


@dataclass(frozen=True, slots=True)
class HandOn:
    """`attempts_made` are known; the record of the next attempt may be missing: write it (again), do not POST."""

    attempts_made: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another body went out under this id. This one must not."""

    sent_sha256: str


class Progress:
    """Last known attempt by delivery id, the least recently touched forgotten first."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._known: OrderedDict[str, Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def made(self, attempt: AttemptRecord) -> None:
        """An attempt is written."""
        if attempt.reason != "live" or attempt.outcome == "held":
            return  # held is no attempt: the record that rests on `deliveries.held` carries on where it was
        old = self._known.get(attempt.delivery_id)
        straggler = old is not None and old.number > attempt.number and not attempt.terminal
        if straggler or (old is not None and old.next_due_ms is None):
            return  # an end stays the end, and is one at whatever attempt it came
        self._known[attempt.delivery_id] = Known(
            attempt.number, attempt.body_sha256, None if attempt.terminal else attempt.next_due_ms, False
        )
        self._known.move_to_end(attempt.delivery_id)
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)

    def handed_on(self, delivery: DeliveryRecord) -> None:
        """The record that carries `delivery.attempts_made` is written."""
        known = self._known.get(delivery.id)
        if known is not None and known.number == delivery.attempts_made:
            self._known[delivery.id] = replace(known, handed_on=True)

    def of(self, delivery: DeliveryRecord) -> Fresh | Done | HandOn | Conflict:
        """What to make of a record that was read. A test or a replay is always fresh: somebody asked for it."""
        known = self._known.get(delivery.id) if delivery.reason == "live" else None
        if known is None:
            return Fresh()
        if known.body_sha256 != delivery.body_sha256:
            return Conflict(known.body_sha256)
        if known.next_due_ms is None:
            return Done()
        if delivery.attempts_made >= known.number:
            return Fresh()
        return Done() if known.handed_on else HandOn(known.number, known.next_due_ms)
