"""How a subscription wants to be told, as people write it: the border. Inside is `service/alerting/policy.py`.

Every field is optional: what a subscription leaves open is as the rule's own `policy` has it, and else as the built-in
has it. An explicit zero, `false` or empty list is an answer too: it takes back what a rule's default says.
What contradicts itself is found by `service/model/policy_check.py`, where a policy is written and nowhere else.
"""

import re
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints

Mode = Literal["each", "first", "update", "digest", "frequency"]
"""`each` article; the `first` of a story, its copies attached; `first` and every `update` of it; a `digest` at local
times; only at a `frequency` of so many stories in a window."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ThrottleBy = Literal["rule", "subscription"]
_KOREAN_DAYS = dict(zip("월화수목금토일", DAYS, strict=True))
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
MAX_LIST = 1_000
MAX_SPAN_S = 7 * 86_400.0


def minute_of(text: str) -> int:
    """`HH:MM` as minutes after midnight; `24:00` is 1440.

    Raises:
        ValueError: it is no such time.
    """
    if _TIME.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no time of day such as 09:00 or 18:30")
    return int(text[:2]) * 60 + int(text[3:])


def _time(text: str) -> str:
    minute_of(text)
    return text


def _moment(text: str) -> str:
    if minute_of(text) == 1440:
        raise ValueError("'24:00' is the end of a day and no moment in it; write 00:00")
    return text


def _day(value: Any) -> Any:
    if isinstance(value, str):
        value = value.strip().lower()
        return _KOREAN_DAYS.get(value.removesuffix("요일"), value)
    return value


def _days(days: tuple[Day, ...]) -> tuple[Day, ...]:
    if not days:
        raise ValueError("a day is needed; leave days out for all of them")
    return tuple(day for day in DAYS if day in days)


@lru_cache(maxsize=1000)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError; a folder's name an OSError
        raise ValueError(f"{name!r} is no time zone; write a name such as Asia/Seoul or Europe/Berlin") from None


def _urgent(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)):
        return value
    raise ValueError("must be true, false, or a list of rules, e.g. [seoul-*, 'tag:disaster']")


def _zone(name: str) -> str:
    zone_of(name)
    return name


Glob = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Globs = Annotated[tuple[Glob, ...], Strict(strict=False), Field(max_length=MAX_LIST)]
Time = Annotated[str, AfterValidator(_time)]
Moment = Annotated[str, AfterValidator(_moment)]
Days = Annotated[
    tuple[Annotated[Day, BeforeValidator(_day)], ...], Strict(strict=False), Field(max_length=7), AfterValidator(_days)
]
Wait = Annotated[float, Field(ge=0, le=MAX_SPAN_S, allow_inf_nan=False)]
Zone = Annotated[str, AfterValidator(_zone)]


class Part(BaseModel):
    """Base: nothing unknown, nothing converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


class FiltersModel(Part):
    """What is not told at all, although its rule fired."""

    source: Globs | None = None
    """Names of the press; any of them. An article that does not say its source fits only `*`."""
    lang: Globs | None = None
    section: Globs | None = None
    tier_at_most: Annotated[int, Field(ge=1, le=3)] | None = None
    """2: sources of the tiers 1 and 2."""
    confidence_at_least: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of the surest mention."""


class RenotifyModel(Part):
    """For which reasons a story that was told is told again. Never for time that has passed."""

    sources_step: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Each time that so many further sources tell it; 0: never."""
    tier: bool | None = None
    """When a source of a better tier than any before tells it."""
    headline: bool | None = None
    """When its headline has changed."""


class QuietModel(Part):
    """Hours in which nothing is sent: what comes then is told in one digest when they are over."""

    from_: Annotated[Moment, Field(alias="from")]
    to: Time
    """Before `from`: on the next day."""
    days: Days | None = None
    """On which they begin; all when left out."""


class DigestModel(Part):
    """When, and how much."""

    times: Annotated[tuple[Moment, ...], Strict(strict=False), Field(min_length=1, max_length=48)] | None = None
    days: Days | None = None
    top: Annotated[int, Field(ge=1, le=50)] | None = None
    """Stories that are shown; the others are counted."""
    empty: bool | None = None
    """Also when there is nothing to tell: so that silence is never a doubt."""


class FrequencyModel(Part):
    """Only when it becomes many."""

    stories: Annotated[int, Field(ge=2, le=1_000)]
    window_s: Annotated[float, Field(gt=0, le=MAX_SPAN_S, allow_inf_nan=False)]


class PolicyModel(Part):
    """A policy as it is written: of a subscription, or as a rule's default."""

    mode: Mode | None = None
    filters: FiltersModel | None = None
    tiers: dict[Literal["1", "2"], Globs] | None = None
    """Which sources are of tier 1 and 2; all others are of tier 3."""
    group_wait_s: Wait | None = None
    """How long a story waits for its copies before it is told: then the richest of them leads."""
    group_interval_s: Wait | None = None
    """Between two messages about one story, at least."""
    renotify: RenotifyModel | None = None
    throttle_s: Wait | None = None
    """After a message nothing for so long; what comes then is told in one digest when it is over."""
    throttle_by: ThrottleBy | None = None
    max_per_hour: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Messages in an hour of the clock; the rest comes in one digest at its end. 0: no cap."""
    time_to_live_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """What could not be delivered so long after publishing is not told any more."""
    quiet: Annotated[tuple[QuietModel, ...], Strict(strict=False), Field(max_length=50)] | None = None
    timezone: Zone | None = None
    """Of quiet hours and digest times."""
    urgent: Annotated[bool | Globs, BeforeValidator(_urgent)] | None = None
    """What passes quiet hours. Of a subscription: rules (ids, globs, `tag:`), or `false`. Of a rule: `true`."""
    digest: DigestModel | None = None
    frequency: FrequencyModel | None = None
    inhibit: bool | None = None
    """A broader rule is not told of an article of which a narrower one was told already."""

    def written(self) -> dict[str, Any]:
        """What was said, and nothing else, as JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @classmethod
    def read(cls, value: Any) -> "PolicyModel":
        """As it stands on a topic: a field that a newer Bongsu added is passed over, as in all records.

        Raises:
            ValidationError: what is known of it is not as it must be.
        """
        return value if isinstance(value, cls) else cls.model_validate(value, extra="ignore")
