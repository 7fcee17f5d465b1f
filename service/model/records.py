"""What stands on the topics, as pydantic models: the border between the roles.

Every value carries `schema`; a record whose number is newer than SCHEMA stops the role that reads it
(`NewerSchema`), for skipping it would lose it. JSON Schemas in docs/schemas/ are generated from here.
All times are integer milliseconds since the epoch, UTC. `published_ms` is the Kafka timestamp of the article's record.
"""

from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from service.model.errors import BadInput, NewerSchema
from service.model.policy import PolicyModel

SCHEMA = 1

Id = Annotated[str, Field(min_length=1, max_length=512)]
Format = Literal["bongsu", "cloudevents", "slack", "teams", "discord"]
"""What the body of a webhook looks like. It travels with the alert, so that a replay makes the same bytes."""
CONTENT_TYPES: dict[str, str] = {"cloudevents": "application/cloudevents+json"}
"""Of the formats whose content type is not `application/json`."""
Lang = Literal["ko", "en"]
"""Of the sentences that Bongsu itself writes."""


DEFAULT_TENANT = "default"
"""Whose everything is that says nothing else: an installation of one tenant never needs to name it."""
TENANT_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
Tenant = Annotated[str, Field(pattern=TENANT_PATTERN)]


class Record(BaseModel):
    """Base of all values. Unknown fields are ignored: an older role must be able to read a newer minor addition."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, protected_namespaces=())

    schema_: Annotated[int, Field(alias="schema", ge=1, strict=True)] = SCHEMA

    def encode(self) -> bytes:
        """UTF-8 JSON, stable: field order of the model, no escapes for Hangul; the bytes that orjson would write."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)

    @classmethod
    def decode(cls, raw: bytes, topic: str) -> Self:
        """Read a value of `topic`.

        Raises:
            NewerSchema: written by a newer Bongsu.
            BadInput: anything else that is not this record.
        """
        try:
            value: Any = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BadInput(f"not JSON: {error}") from None
        found = value.get("schema") if isinstance(value, dict) else None
        if isinstance(found, int | float) and found > SCHEMA:
            raise NewerSchema(topic, found, SCHEMA)
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "value"
            raise BadInput(f"{place}: {first['msg']}") from None


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


class RetiringSecret(BaseModel):
    """A secret that was exchanged and signs beside its successor for a while."""

    model_config = ConfigDict(frozen=True)

    secret: str
    until_ms: int
    """It signs before this, and no more from then on."""


class SubscriptionRecord(Record):
    """Topic `subscriptions`, key = subscription id: who is told what, and where. A null value removes it."""

    id: Id
    revision: int = 1
    tenant: Tenant = DEFAULT_TENANT
    """Whose it is: it is told of this tenant's rules only, and nobody else sees it."""
    name: str = ""
    url: str
    rules: tuple[str, ...] = ("*",)
    """Globs over rule ids, over tags (`tag:...`), over entities (`entity:...`); one that fits is enough."""
    policy: Annotated[PolicyModel, BeforeValidator(PolicyModel.read)] | None = None
    """How it is told; what it leaves open is as the rule has it, and else as the built-in has it."""
    secrets: tuple[str, ...]
    """`whsec_...` or `whsk_...`, newest first; all of them sign. Shown once, masked everywhere else, and sealed on the
    topic where BONGSU_SECRET_KEY is set (`sealed1.<key id>.<base64>`)."""
    retiring: tuple[RetiringSecret, ...] = ()
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every webhook; values sealed like secrets."""
    format: Format = "bongsu"
    lang: Lang = "ko"
    paused: bool = False
    disabled_ms: int | None = None
    """Since when the dispatcher holds its deliveries because its endpoint failed for too long, or is gone."""
    disabled_reason: str | None = None
    max_in_flight: int | None = Field(default=None, ge=1)
    max_per_s: float | None = Field(default=None, gt=0)
    """Caps of its own; those of the settings where they are lower."""
    created_ms: int
    updated_ms: int
    removed_ms: int | None = None
    """It is gone, and a change made from an earlier revision does not bring it back. A null value follows in time."""
    request: str | None = None
    """SHA-256 of the request that made it, where it named an Idempotency-Key: the same key with another is refused."""
    rotation: str | None = None
    """Idempotency-Key and request of the last rotation of its secret, hashed: the same again rotates nothing."""

    @property
    def held(self) -> Literal["paused", "disabled"] | None:
        """Why its deliveries are held back; None: they are sent."""
        if self.paused:
            return "paused"
        return None if self.disabled_ms is None else "disabled"


class SilenceMatchers(BaseModel):
    """What a silence hides: every list that is not empty must fit, by any of its globs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subscription: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    entity: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    story: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()


class SilenceRecord(Record):
    """Topic `silences`, key = silence id: what is not told, until when. Lifted: `ends_ms` is moved to now."""

    id: Id
    revision: int = 1
    tenant: Tenant = DEFAULT_TENANT
    matchers: SilenceMatchers
    starts_ms: int
    ends_ms: int
    author: str
    comment: str
    created_ms: int
    updated_ms: int
    request: str | None = None
    """As of a subscription."""


Scope = Literal[
    "subscriptions:read", "subscriptions:write", "subscriptions:secrets", "deliveries:read", "deliveries:replay",
    "silences:read", "silences:write", "rules:read", "rules:apply", "articles:write", "changes:read",
]  # fmt: skip
"""What a token may do."""


class TokenRecord(Record):
    """Topic `tokens`, key = token id: who may use the API. The token itself stands nowhere, only its hash."""

    id: Id
    revision: int = 1
    tenant: Tenant = DEFAULT_TENANT
    name: str
    scopes: tuple[Scope, ...]
    sha256: str
    """Hex, of the whole token: 32 random bytes need no slow hash."""
    created_ms: int
    expires_ms: int
    revoked_ms: int | None = None
    updated_ms: int


class ChangeRecord(Record):
    """Topic `changes`, key = id of what is changed: who asked for which change, and what became of it.

    Written twice under one `change_id`: before the change (`asked`), so that no change can be without one, and after
    it. An `asked` without an end: whoever asked was killed between the two.
    """

    change_id: Id
    tenant: Tenant = DEFAULT_TENANT
    actor: str
    """`token:<id>` or `cli:<user>@<host>`."""
    action: str
    """`subscription.created`, `rules.applied`, ..."""
    target: str
    """Id of what is changed."""
    revision: int | None = None
    """That it would have."""
    fields: tuple[str, ...] = ()
    """Names of what changes; values may be secrets and stand in the record itself."""
    outcome: Literal["asked", "done", "refused"]
    reason: str | None = None
    """Why it was refused."""
    request: str | None = None
    """SHA-256 of the request, where it named an Idempotency-Key and nothing else remembers it (replays)."""
    result: str | None = None
    """What was answered to it, as JSON: a repeat is answered the same."""
    request_id: str | None = None
    at_ms: int


class RulesManifest(Record):
    """Topic `rules`, keys `current` and `previous`: which content-addressed records make one rule set.

    Of another tenant than the default: `current/<tenant>` and `previous/<tenant>`.
    """

    tenant: Tenant = DEFAULT_TENANT
    version: Id
    items: tuple[str, ...]
    """Keys `entity/<sha>` and `rule/<sha>` of the same topic; of a large set `part/<sha>`, which list such keys."""
    replaces: str | None = None
    """The version that was seen by who wrote this and had to be in force still: of two that were made from the same one
    the first stands. None: whichever was."""
    published_ms: int
