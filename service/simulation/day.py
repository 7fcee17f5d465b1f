"""A day as a file: JSON Lines in the order of their times, read into events. The border of the simulation.

A line is an article (docs/schemas/article) with the time of its arrival as `at`, or one of the events that `_READERS`
lists. A naive time is taken as Asia/Seoul, as everywhere.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from service.ingest.decode import decode_article, read_time
from service.model.control_records import SilenceMatchers, SilenceRecord, SubscriptionRecord
from service.model.errors import BadInput
from service.model.policy import PolicyModel
from service.model.policy_check import checked_policy
from service.model.record import Format, Lang
from service.simulation.events import (
    Event,
    Lifted,
    Outage,
    Published,
    Silenced,
    Subscribed,
    TakenDown,
    Unsubscribed,
)

NOWHERE = "https://receiver.example/simulated"
"""Nothing is sent in a simulation; a subscription has to name an address all the same."""


class SubscriptionLine(BaseModel):
    """A subscription as a day or a file of subscriptions gives it: what the record has, without where it goes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=512)
    name: str = ""
    rules: tuple[str, ...] = ("*",)
    policy: Annotated[PolicyModel, BeforeValidator(checked_policy)] | None = None
    format: Format = "bongsu"
    lang: Lang = "ko"
    paused: bool = False

    def record(self, at_ms: int) -> SubscriptionRecord:
        """The record that the control topic would hold."""
        return SubscriptionRecord(**dict(self), url=NOWHERE, secrets=(), created_ms=at_ms, updated_ms=at_ms)


class SilenceLine(BaseModel):
    """A silence as a day gives it; `starts` is the line's own time when left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, max_length=512)
    matchers: SilenceMatchers
    starts: str | None = None
    ends: str
    author: str = "simulation"
    comment: str = ""

    def record(self, at_ms: int) -> SilenceRecord:
        """The record that the control topic would hold.

        Raises:
            ValueError: it ends before it starts, or a time is none.
        """
        starts_ms = at_ms if self.starts is None else time_ms(self.starts)
        ends_ms = time_ms(self.ends)
        if ends_ms <= starts_ms:
            raise ValueError("it ends before it starts; give a later `ends`")
        return SilenceRecord(
            id=self.id, matchers=self.matchers, starts_ms=starts_ms, ends_ms=ends_ms, author=self.author,
            comment=self.comment, created_ms=at_ms, updated_ms=at_ms,
        )  # fmt: skip


def time_ms(text: str) -> int:
    """An RFC 3339 time as milliseconds since the epoch; a naive one is of Asia/Seoul.

    Raises:
        ValueError: it is no time.
    """
    read = read_time(text)
    if read is None:
        raise ValueError(f"{text!r} is no time such as 2026-11-23T09:00:00+09:00")
    return round(datetime.fromisoformat(read.upper()).timestamp() * 1000)


def read_day(lines: Iterable[bytes], name: str, check: Callable[[Event], None] = lambda _: None) -> Iterator[Event]:
    """The events of a day, one at a time; blank lines are none. `check` may refuse one with BadInput.

    Raises:
        BadInput: `name:line: ` what is wrong with the line and what it must be.
    """
    before_ms = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = _event(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, before_ms)
            check(event)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise BadInput(f"{name}:{number}: {place}: {first['msg']}") from None
        except (ValueError, BadInput) as error:
            raise BadInput(f"{name}:{number}: {error}") from None
        before_ms = event.at_ms
        yield event


def _event(line: bytes, before_ms: int) -> Event:
    try:
        value: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"not JSON: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("at"), str):
        raise BadInput('a line is an object with its time: {"at": "2026-11-23T09:00:00+09:00", ...}')
    at_ms = time_ms(value.pop("at"))
    if at_ms < before_ms:
        raise BadInput("`at` is before that of the line above; sort the lines by `at`")
    kind = next((kind for kind in _READERS if kind in value), None)
    if kind is None:
        article = decode_article(orjson.dumps(value))  # what cannot be read is told here, with its line
        return Published(at_ms, orjson.dumps({**value, "id": article.id}))
    said = value.pop(kind)
    if value:
        raise ValueError(f"{', '.join(value)}: a line with `{kind}` holds nothing else but `at`")
    return _READERS[kind](at_ms, said)


def _text(kind: str, said: Any) -> str:
    if not isinstance(said, str) or not said:
        raise ValueError(f"{kind}: must be text, not {type(said).__name__}")
    return said


def _outage(at_ms: int, until_ms: int) -> Outage:
    if until_ms <= at_ms:
        raise ValueError("outage_until: it ends before it begins; give a later time")
    return Outage(at_ms, until_ms)


_READERS: dict[str, Callable[[int, Any], Event]] = {
    "taken_down": lambda at_ms, said: TakenDown(at_ms, _text("taken_down", said)),
    "silence": lambda at_ms, said: Silenced(at_ms, SilenceLine.model_validate(said).record(at_ms)),
    "lift": lambda at_ms, said: Lifted(at_ms, _text("lift", said)),
    "subscribe": lambda at_ms, said: Subscribed(at_ms, SubscriptionLine.model_validate(said).record(at_ms)),
    "unsubscribe": lambda at_ms, said: Unsubscribed(at_ms, _text("unsubscribe", said)),
    "outage_until": lambda at_ms, said: _outage(at_ms, time_ms(_text("outage_until", said))),
}
