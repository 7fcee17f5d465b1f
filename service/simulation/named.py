"""What the lines of a day name has to be there: after a typing mistake it would be a day on which nothing is told."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from service.model.control_records import SubscriptionRecord
from service.model.errors import BadInput
from service.simulation.events import Event, Lifted, Silenced, Subscribed, Unsubscribed

CheckRules = Callable[[Iterable[str]], Iterable[str]]
"""Raises BadInput for what is named exactly and does not exist; gives a sentence for each glob that fits nothing."""


@dataclass(slots=True)
class Named:
    """Subscriptions and silences that there were so far; the rules are those that the day runs with."""

    check_rules: CheckRules
    notes: list[str] = field(default_factory=list)
    """What fits nothing, and may be meant all the same."""
    _subscriptions: set[str] = field(default_factory=set)
    _silences: set[str] = field(default_factory=set)

    def subscribe(self, record: SubscriptionRecord) -> None:
        """One more subscription. Raises BadInput: a rule, tag or entity that it names does not exist."""
        self.notes += [f"subscription {record.id}: {note}" for note in self.check_rules(record.rules)]
        self._subscriptions.add(record.id)

    def check(self, event: Event) -> None:
        """The next event. Raises BadInput: it is about something that there was not."""
        match event:
            case Subscribed():
                self.subscribe(event.subscription)
            case Silenced():
                self._silences.add(event.silence.id)
            case Unsubscribed() if event.subscription not in self._subscriptions:
                raise BadInput(_unknown("unsubscribe", "subscription", event.subscription, self._subscriptions))
            case Lifted() if event.silence not in self._silences:
                raise BadInput(_unknown("lift", "silence", event.silence, self._silences))
            case _:
                pass


def _unknown(field_name: str, what: str, name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    hint = f"did you mean {near[0]}?" if near else "a line above must begin it (docs/simulation.md)"
    return f"{field_name}: there is no {what} {name} by then; {hint}"
