"""A subscription as the API shows it: its secrets masked, its times readable."""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from service.api.models.common import Shown, Time, at, at_or_none
from service.delivery.headers import shown_headers
from service.delivery.rotation import public_keys
from service.delivery.sealing import is_sealed, is_sealed_url, key_id_of
from service.delivery.signing import PRIVATE, SYMMETRIC
from service.delivery.urls import MASK, SECRET_URLS, shown_url
from service.model.control_records import SubscriptionRecord
from service.model.record import Format, Lang

Status = Literal["active", "paused", "disabled"]
EXAMPLE: dict[str, Any] = {
    "id": "sub_5d0c7f1e2a9b4c68",
    "revision": 1,
    "name": "press office",
    "url": "https://alerts.example.org/bongsu",
    "rules": ["seoul-*"],
    "policy": {"mode": "digest", "digest": {"times": ["09:00"]}},
    "format": "bongsu",
    "lang": "ko",
    "headers": {},
    "max_per_s": None,
    "max_in_flight": None,
    "status": "active",
    "disabled_at": None,
    "disabled_reason": None,
    "secrets": ["whsec_***"],
    "retiring_secrets": [],
    "created_at": "2026-03-01T09:00:00.000Z",
    "updated_at": "2026-03-01T09:00:00.000Z",
}


class RetiringSecret(Shown):
    """A secret that was exchanged and signs beside its successor for a while."""

    secret: str = Field(description="Masked.")
    until: Time


class Subscription(Shown):
    """Who is told what, and where."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    id: str
    revision: int = Field(description="One higher with each change; the `ETag`.")
    name: str
    url: str = Field(description="Masked where it is a secret itself (Slack, Teams, Discord).")
    rules: list[str] = Field(description="Globs over rule ids, `tag:...`, `entity:...`; one that fits is enough.")
    policy: dict[str, Any] = Field(description="How it is told (docs/policies.md); empty: as the rules have it.")
    format: Format
    lang: Lang
    headers: dict[str, str] = Field(description="Sent with every webhook; what may be a secret is masked.")
    max_per_s: float | None
    max_in_flight: int | None
    status: Status
    disabled_at: Time | None
    disabled_reason: str | None
    secrets: list[str] = Field(description="Masked; newest first. All of them sign.")
    retiring_secrets: list[RetiringSecret]
    created_at: Time
    updated_at: Time


def status_of(record: SubscriptionRecord) -> Status:
    """What becomes of its deliveries."""
    return record.held or "active"


def url_of(record: SubscriptionRecord) -> str:
    """As anybody may see it."""
    return shown_url(record.url, secret=record.format in SECRET_URLS or is_sealed_url(record.url))


def fields_of(record: SubscriptionRecord) -> dict[str, Any]:
    """The record's public fields, secrets masked."""
    return {
        "id": record.id,
        "revision": record.revision,
        "name": record.name,
        "url": url_of(record),
        "rules": list(record.rules),
        "policy": record.policy.written() if record.policy else {},
        "format": record.format,
        "lang": record.lang,
        "headers": shown_headers(record.headers),
        "max_per_s": record.max_per_s,
        "max_in_flight": record.max_in_flight,
        "status": status_of(record),
        "disabled_at": at_or_none(record.disabled_ms),
        "disabled_reason": record.disabled_reason,
        "secrets": [masked_secret(secret) for secret in record.secrets],
        "retiring_secrets": retiring(record),
        "created_at": at(record.created_ms),
        "updated_at": at(record.updated_ms),
    }


def shown(record: SubscriptionRecord) -> Subscription:
    """As anybody of its tenant may see it."""
    return Subscription(**fields_of(record))


def masked_secret(secret: str) -> str:
    """Only what kind it is."""
    if is_sealed(secret):
        return f"sealed with {key_id_of(secret)}"
    return next((prefix for prefix in (SYMMETRIC, PRIVATE) if secret.startswith(prefix)), "") + MASK


class SubscriptionWritten(Subscription):
    """A subscription as it stands after a change."""

    notes: list[str] = Field(
        default=[], description="What may be a mistake: rules that nothing fits yet, a URL that would be refused."
    )


class SubscriptionCreated(SubscriptionWritten):
    """A subscription that was made: the only answer, but for `/secret`, that shows what it signs with."""

    secrets: list[str] = Field(
        description="In clear: keep them. Masked where it was changed since the request was first answered."
    )
    public_keys: list[str] = Field(default=[], description="Of `v1a`, for receivers.")


class SecretsRotated(Shown):
    """New secrets."""

    id: str
    revision: int
    secrets: list[str] = Field(description="The new ones, in clear: keep them.")
    public_keys: list[str] = Field(default=[], description="Of `v1a`, for receivers.")
    retiring_secrets: list[RetiringSecret] = Field(description="Those that sign beside them for a while; masked.")


class SubscriptionSecrets(Shown):
    """What a subscription signs with, in clear."""

    id: str
    revision: int
    secrets: list[str] = Field(description="Newest first.")
    public_keys: list[str] = Field(description="Of `v1a`, for receivers.")
    retiring_secrets: list[RetiringSecret]


class TestSent(Shown):
    """A webhook of type `test` that is on its way."""

    delivery_id: str = Field(description="Its `webhook-id`.")
    until: Time = Field(description="It is not sent any more after this.")


def written(record: SubscriptionRecord, notes: list[str]) -> SubscriptionWritten:
    """With what may be a mistake."""
    return SubscriptionWritten(**fields_of(record), notes=notes)


def created(record: SubscriptionRecord, in_clear: SubscriptionRecord | None, notes: list[str]) -> SubscriptionCreated:
    """`in_clear` is the record with its secrets opened, where they may be shown."""
    fields = fields_of(record)
    if in_clear is not None:
        fields |= {"secrets": list(in_clear.secrets), "public_keys": public_keys(in_clear.secrets)}
    return SubscriptionCreated(**fields, notes=notes)


def retiring(record: SubscriptionRecord, *, clear: bool = False) -> list[RetiringSecret]:
    """What signs beside the secrets."""
    return [
        RetiringSecret(secret=old.secret if clear else masked_secret(old.secret), until=at(old.until_ms))
        for old in record.retiring
    ]
