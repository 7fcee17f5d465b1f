"""What stands on the control topics and on `changes`: subscriptions, silences, tokens, rule sets, and who changed them.

All times are integer milliseconds since the epoch, UTC.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from service.model.policy import PolicyModel
from service.model.record import DEFAULT_TENANT, Format, Id, Lang, Record, Tenant


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
    revision: int | None = Field(default=None, ge=1)
    """One higher than of the manifest that it replaces: every reader ignores one that is not higher than what stands.
    None: written by a Bongsu that counted none."""
    replaces: str | None = None
    """The version that was in force when this was made, `none` where nothing was. Without a revision: the one that had
    to be in force still, None for whichever was."""
    published_ms: int
