"""Silences as the API takes and shows them."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from service.api.models.common import Given, GivenTime, Shown, Time, at
from service.api.models.text import Glob, Name, Sentence
from service.model.control_records import SilenceMatchers, SilenceRecord

State = Literal["pending", "active", "ended"]
Globs = Annotated[list[Glob], Field(max_length=100)]
SOMETHING: list[JsonValue] = [
    {"required": [name], "properties": {name: {"type": "array", "minItems": 1}}}
    for name in SilenceMatchers.model_fields
]
MATCHERS: dict[str, Any] = {"rule": ["seoul-*"], "source": ["가람일보"]}


class MatchersGiven(Given):
    """What is hidden: every list that is not empty must fit, by any of its globs."""

    model_config = ConfigDict(json_schema_extra={"examples": [MATCHERS], "anyOf": SOMETHING})

    subscription: Globs = Field(default=[], description="Ids of subscriptions.")
    rule: Globs = Field(default=[], description="Ids of rules.")
    entity: Globs = Field(default=[], description="What was found.")
    source: Globs = Field(default=[], description="Names of the press.")
    story: Globs = Field(default=[], description="One story, `sty_...`, as webhooks name it.")
    tag: Globs = Field(default=[], description="Tags of rules.")

    @model_validator(mode="after")
    def _something(self) -> "MatchersGiven":
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise ValueError("say what is hidden; the rule '*' is everything")
        return self

    def record(self) -> SilenceMatchers:
        """As it stands on the topic."""
        return SilenceMatchers(**{name: tuple(globs) for name, globs in self.model_dump().items()})


class SilenceNew(Given):
    """A silence that is to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"matchers": MATCHERS, "duration_s": 7200, "comment": "a known campaign"}],
            "oneOf": [
                {
                    "required": ["ends_at"],
                    "properties": {"ends_at": {"type": "string"}, "duration_s": {"type": "null"}},
                },
                {
                    "required": ["duration_s"],
                    "properties": {"duration_s": {"type": "number"}, "ends_at": {"type": "null"}},
                },
            ],
        }
    )

    matchers: MatchersGiven
    starts_at: GivenTime | None = Field(None, description="Default: now.")
    ends_at: GivenTime | None = Field(None, description="This or `duration_s`.")
    duration_s: Annotated[float, Field(ge=1, le=366 * 86_400, allow_inf_nan=False)] | None = Field(
        None, description="Until it ends, from its start."
    )
    author: Name | None = Field(None, description="Who says so. Default: the name of the token.")
    comment: Sentence = Field(description="Why: whoever misses an alert will read it.")

    @model_validator(mode="after")
    def _ends(self) -> "SilenceNew":
        if (self.ends_at is None) == (self.duration_s is None):
            raise ValueError("a silence must end: say ends_at or duration_s, one of them")
        return self


class Silence(Shown):
    """What is not told for a while, and who said so."""

    id: str
    revision: int = Field(description="One higher with each change; the `ETag`.")
    state: State
    matchers: dict[str, list[str]]
    starts_at: Time
    ends_at: Time
    author: str
    comment: str
    created_at: Time
    updated_at: Time


class SilenceMade(Silence):
    """A silence that was made."""

    notes: list[str] = Field(default=[], description="What may be a mistake: a glob that nothing fits yet.")


class SilencePreviewAsked(Given):
    """What a silence would hide."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"matchers": MATCHERS}]})

    matchers: MatchersGiven
    since: GivenTime | None = Field(None, description="How far back to look: 7 days at most. Default: 24 h ago.")


class HiddenAlert(Shown):
    """An alert that it would have hidden."""

    alert_id: str
    alerted_at: Time
    subscription: str
    rule: str
    story: str
    source: str | None
    article: str
    title: str | None


class SilencePreview(Shown):
    """What a silence would have hidden."""

    since: Time
    hidden: int
    seen: int = Field(description="Alerts there were in all.")
    by_rule: dict[str, int]
    newest: list[HiddenAlert] = Field(description="The newest of them, 20 at most.")


def state_of(record: SilenceRecord, now_ms: int) -> State:
    """Whether it holds."""
    if record.ends_ms <= now_ms:
        return "ended"
    return "active" if record.starts_ms <= now_ms else "pending"


def fields_of(record: SilenceRecord, now_ms: int) -> dict[str, Any]:
    """The record's public fields."""
    return {
        "id": record.id,
        "revision": record.revision,
        "state": state_of(record, now_ms),
        "matchers": {name: list(globs) for name, globs in record.matchers.model_dump().items() if globs},
        "starts_at": at(record.starts_ms),
        "ends_at": at(record.ends_ms),
        "author": record.author,
        "comment": record.comment,
        "created_at": at(record.created_ms),
        "updated_at": at(record.updated_ms),
    }


def shown(record: SilenceRecord, now_ms: int) -> Silence:
    """As anybody of its tenant may see it."""
    return Silence(**fields_of(record, now_ms))
