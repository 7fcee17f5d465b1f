"""What stands on the topics of the line, from the match to the attempt.

All times are integer milliseconds since the epoch, UTC. `published_ms` is the Kafka timestamp of the article's record.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.model.record import Format, Id, Lang, Record


class ArticleHead(BaseModel):
    """An article without its text: what may travel on and be kept."""

    model_config = ConfigDict(frozen=True)

    id: Id
    url: str | None = None
    title: str | None = None
    source: str | None = None
    author: str | None = None
    section: str | None = None
    lang: str | None = None
    published_at: str | None = None
    partial: bool = False


class RuleHead(BaseModel):
    """What a person is shown of a rule."""

    model_config = ConfigDict(frozen=True)

    id: Id
    name: str
    tags: tuple[str, ...] = ()
    policy: dict[str, Any] | None = None
    """What its author would have it told like; a subscription's own policy goes before it."""


class Evidence(BaseModel):
    """A mention with the sentence it stands in: what the reader of an alert sees."""

    model_config = ConfigDict(frozen=True)

    entity: str | None = None
    surface: str
    text: str
    sentence: str
    zone: str
    field: str
    start: int
    end: int
    confidence: float = 1.0
    via: str | None = None


class RuleMatch(BaseModel):
    """One rule found in the article, with its evidence (capped; `mentions_total` is the uncapped count)."""

    model_config = ConfigDict(frozen=True)

    match_id: Id
    rule: RuleHead
    mentions: tuple[Evidence, ...]
    mentions_total: int
    entities: tuple[str, ...] = ()
    """All that it found, also where their evidence is cut: subscriptions and silences ask by them."""
    mutes: tuple[str, ...] | None = None
    """Ids of broader rules that fired too: whoever is told by this rule need not be told by them."""


class MatchRecord(Record):
    """Topic `matches`, key = edition: an article version in which any rule was found."""

    edition: str = "default"
    article: ArticleHead
    content_hash: str
    fingerprint: str
    """Hash of the cleaned body: copies of one wire story share it."""
    rules_version: str
    matches: tuple[RuleMatch, ...]
    sketch: str | None = None
    """What near-duplicates are recognised by (base64): the text itself does not travel."""
    taken_down: Literal[True] | None = None
    """The article was removed: no matches, and of the article only its id."""
    published_ms: int
    matched_ms: int


StoryRole = Literal["lead", "copy", "version", "taken_down"]


class StoryHead(BaseModel):
    """The story that an alert belongs to."""

    model_config = ConfigDict(frozen=True)

    id: Id
    copies: int = 1
    """Articles that tell it, this one included."""
    sources: int = 1
    """Distinct press names among them."""
    role: StoryRole = "lead"
    """What the article of this alert is to the story."""
    joined_by: str | None = None
    """Why it belongs to a story that was there: article, url, body, near_duplicate, version_chain."""
    redated: Literal[True] | None = None
    """Published long before it came: no news."""


class AlertRecord(Record):
    """Topic `alerts`, key = subscription: one match addressed to one subscription, at most 4 kB."""

    alert_id: Id
    match_id: Id
    subscription: Id
    story: StoryHead
    rule: RuleHead
    article: ArticleHead
    mentions: tuple[Evidence, ...]
    entities: tuple[str, ...] = ()
    mutes: tuple[str, ...] | None = None
    truncated: bool = False
    format: Format = "bongsu"
    lang: Lang = "ko"
    """As the subscription wanted them when the alert was addressed."""
    published_ms: int
    matched_ms: int
    alerted_ms: int


class FlushRecord(Record):
    """Topic `alerts`, key = subscription: time as a record. A timer writes it, the state alone decides what it means.

    The members of what is flushed are the alerts before this record; a second flush of one sequence does nothing.
    """

    flush: Id
    """The group or the hold that is due."""
    subscription: Id
    sequence: int
    due_ms: int


def decode_alerts(raw: bytes) -> AlertRecord | FlushRecord:
    """Read a value of `alerts`, which holds both. Raises as `Record.decode`."""
    record: type[AlertRecord | FlushRecord] = FlushRecord if raw.startswith(_FLUSH_BEGINS) else AlertRecord
    return record.decode(raw, "alerts")


_FLUSH_BEGINS = b'{"schema":1,"flush":'
"""As `encode` writes them, who alone does: an alert is not parsed twice for it."""


Outcome = Literal["notified", "attached", "held", "silenced", "expired", "suppressed"]


class DecisionRecord(Record):
    """Topic `decisions`, key = subscription: what became of one alert. The last record of an alert id is current."""

    alert_id: Id
    subscription: Id
    decision: Outcome
    group: str
    delivery_id: str | None = None
    """Set when `notified` or `attached`."""
    reason: str | None = None
    """Why, when `suppressed`, `held` or `attached`."""
    by: str | None = None
    """Which silence, rule or filter."""
    until_ms: int | None = None
    """When what is held or silenced will be told of at the latest."""
    story: str | None = None
    rule: str | None = None
    article: str | None = None
    """What the alert was about: `bongsu why` and the history ask by them."""
    decided_ms: int


def outcome_of(raw: bytes) -> str:
    """The decision that an encoded `DecisionRecord` says, without reading the rest.

    In a text a quotation mark is escaped, so only the field itself is written so.
    """
    begin = raw.index(_DECISION) + len(_DECISION)
    return raw[begin : raw.index(b'"', begin)].decode()


_DECISION = b',"decision":"'


class DeliveryRecord(Record):
    """Topics `deliveries` and its retry tiers, key = subscription: one notification to send."""

    id: Id
    """The `webhook-id`."""
    subscription: Id
    group: str
    sequence: int
    type: str
    body: str
    """The payload as text; its UTF-8 bytes are what is signed and sent, unchanged, at every attempt."""
    body_sha256: str
    content_type: str = "application/json"
    alert_ids: tuple[str, ...]
    created_ms: int
    deadline_ms: int
    published_ms: int
    """Of the newest article in it, for the latency from publishing to arrival."""
    trace: str | None = None
    """Trace id (W3C, 32 hex digits) of the first article in it: the webhook carries it as `traceparent`."""
    attempts_made: int = 0
    due_ms: int = 0
    """Not to be sent before; 0 means now."""
    reason: Literal["live", "test", "replay"] = "live"


AttemptOutcome = Literal["delivered", "retry", "held", "given_up", "expired", "undeliverable"]
"""`held` and `retry` are no ends: the delivery rests on `deliveries.held` or in a retry tier. `held` is no attempt of
the schedule: its subscription is paused or disabled, or it could not be asked (`bad_secret`, `blocked`)."""
TERMINAL_OUTCOMES: frozenset[str] = frozenset({"delivered", "given_up", "expired", "undeliverable"})


class AttemptPhases(BaseModel):
    """Where the time of an attempt went, milliseconds; what was not reached, or not needed, is left out."""

    model_config = ConfigDict(frozen=True)

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    """From the connection being ready to the first byte of the answer."""


class AttemptRecord(Record):
    """Topic `attempts`, key = subscription: what one POST (or the decision not to POST) did."""

    delivery_id: Id
    subscription: Id
    number: int
    """1 for the first POST; `expired` and `undeliverable` take the number of the POST that was not made."""
    outcome: AttemptOutcome
    terminal: bool
    status: int | None = None
    error: str | None = None
    """Class of failure: status, dns, connect, tls, timeout, reset, blocked, too_large, protocol, gone ..."""
    detail: str | None = None
    body_sha256: str
    started_ms: int
    duration_ms: float
    """Of the whole attempt."""
    phases: AttemptPhases | None = None
    address: str | None = None
    """The IP address that was dialled."""
    request_bytes: int | None = None
    response_bytes: int | None = None
    """Of the bodies; of the answer as far as it was read, after decompression."""
    excerpt: str | None = None
    """First characters of the answer, secrets masked."""
    next_due_ms: int | None = None
    deadline_ms: int | None = None
    """Of the delivery: tells the attempts of one replay of it from those of another."""
    published_ms: int
    trace: str | None = None
    """As of the delivery."""
    reason: Literal["live", "test", "replay"] = "live"


class EndpointRecord(Record):
    """Topic `endpoints`, key = subscription: an endpoint that has failed for a while. Null: it is well again."""

    subscription: Id
    revision: int
    """Of the subscription; a newer one begins anew."""
    failures: int = Field(ge=0)
    """In a row."""
    since_ms: int
    """When the first of them was."""
    told_percent: int
    """The highest warning that was given, of the way to being disabled."""
    noted_ms: int
    """Attempts that ended later are not counted in."""
