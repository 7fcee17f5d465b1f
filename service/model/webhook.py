"""The body of a webhook as its receivers may read it: docs/schemas/webhook.json is made of this.

Bodies are written in `service/delivery/payload.py`, by hand and to the byte; a property test holds them to this page.
More fields may come with a version, so a receiver ignores those that it does not know.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Part(BaseModel):
    """What all parts have in common."""

    model_config = ConfigDict(frozen=True, extra="allow")


class WebhookRule(Part):
    """A rule."""

    id: str
    name: str


class WebhookStory(Part):
    """A story: the articles that tell the same."""

    id: str
    copies: int = Field(ge=1, description="Articles that told it so far.")


class WebhookArticle(Part):
    """An article, without its text."""

    id: str
    url: str | None = Field(description="Null: the article came without one, or it was too long to be told.")
    title: str | None
    source: str | None = Field(description="The newspaper; null: nobody knows.")
    published_at: str | None = Field(description="As the article says it; null: it does not.")


class WebhookMention(Part):
    """What was found, and where."""

    entity: str | None = Field(description="Id of the entity; null: a literal of the rule.")
    surface: str = Field(description="The name that is watched.")
    text: str = Field(description="The whole word as it stood there.")
    sentence: str = Field(description="Around it; cut where `truncated` is true.")
    zone: str = Field(description="Its place: title, subhead, lead, body, caption, quote ...")


class WebhookAlert(Part):
    """One article that is told of."""

    alert_id: str
    match_id: str
    article: WebhookArticle
    mentions: list[WebhookMention]
    rule: WebhookRule | None = Field(None, description="In lists of several stories.")
    story: WebhookStory | None = Field(None, description="In lists of several stories.")


class WebhookPeriod(Part):
    """From when until when the alerts of a list came."""

    from_: Time = Field(alias="from")
    to: Time


class WebhookChange(Part):
    """What is otherwise than it was told before."""

    what: str = Field(description="headline, sentence, sources or tier.")
    before: str | None
    after: str | None


class WebhookData(Part):
    """What is told."""

    subscription: str
    sequence: int = Field(ge=0, description="Its number within its group.")
    reason: str = Field(description="Why it is told now.")
    summary: str = Field(description="One sentence for people.")
    rule: WebhookRule | None = Field(
        description="Of the first alert; null in a digest that says that there is nothing."
    )
    story: WebhookStory | None = Field(description="Likewise.")
    alerts: list[WebhookAlert]
    held_count: int | None = Field(None, ge=0, description="Of several stories in one: how many alerts it stands for.")
    period: WebhookPeriod | None = None
    changes: list[WebhookChange] | None = Field(None, description="Of a story that was told before.")
    truncated: bool


class AlertWebhook(Part):
    """An alert, a digest, an update, or a test."""

    type: Literal["alert.matched", "alert.digest", "alert.updated", "test"]
    timestamp: Time = Field(description="When it was decided.")
    data: WebhookData


class OperationalData(Part):
    """An endpoint, and how it is."""

    subscription: str = Field(description="Whom it is about.")
    percent: int = Field(ge=0, le=100, description="Of the way to being disabled.")
    failures: int = Field(ge=0, description="In a row.")
    since_ms: int | None = Field(description="Of the first of them, milliseconds since the epoch; null: there is none.")
    reason: str = Field(description="What came last.")


class OperationalWebhook(Part):
    """About the endpoint of another subscription; only the operations subscription gets it."""

    type: Literal["operational.endpoint_failing", "operational.endpoint_disabled", "operational.endpoint_recovered"]
    timestamp: Time
    data: OperationalData


class Webhook(RootModel[Annotated[AlertWebhook | OperationalWebhook, Field(discriminator="type")]]):
    """The body of a webhook in the format `bongsu`. In `cloudevents` `data` is the same."""


def webhook_schema() -> dict[str, Any]:
    """As JSON Schema. What is left out where there is nothing to say is never null."""
    schema = Webhook.model_json_schema(by_alias=True)
    for part in schema["$defs"].values():
        for name, field in part["properties"].items():
            if name not in part["required"]:
                field.pop("default")
                (kept,) = [one for one in field.pop("anyOf") if one != {"type": "null"}]
                field.update(kept)
    return schema
