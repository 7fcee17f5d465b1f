"""What a client says of a subscription: a new one, a merge patch of one (RFC 7396), an exchange of its secrets."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, ValidationError, model_validator

from service.actions.rotation import MAX_OVERLAP_S, OVERLAP_S, new_secret
from service.api.faults import pointer
from service.api.models.common import Given, whole
from service.api.models.text import Glob, HeaderName, HeaderValue, Name, Secret, Url
from service.api.problems import MAX_ERRORS, ApiProblem
from service.delivery.headers import check_headers
from service.delivery.sealing import SEALED, is_sealed
from service.delivery.signing import read_secret
from service.model.control_records import SubscriptionRecord
from service.model.errors import InvalidSubscription
from service.model.policy import PolicyModel
from service.model.policy_check import faults, faults_found
from service.model.record import Format, Lang

Version = Literal["v1", "v1a"]
Versions = Annotated[list[Version], Field(min_length=1, max_length=2)]
Rules = Annotated[list[Glob], Field(min_length=1, max_length=1_000)]
Rate = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
InFlight = Annotated[int, Field(ge=1, le=10_000), BeforeValidator(whole)]
_NO_OTHERS: dict[str, JsonValue] = {"additionalProperties": False}
Headers = Annotated[dict[HeaderName, HeaderValue], Field(max_length=20, json_schema_extra=_NO_OTHERS)]
HeadersChanged = Annotated[dict[HeaderName, HeaderValue | None], Field(max_length=40, json_schema_extra=_NO_OTHERS)]
BOTH: JsonValue = {
    "required": ["secret", "sign"],
    "properties": {"secret": {"type": "string"}, "sign": {"type": "array"}},
}
"""A secret that is given says how it signs."""
_Signing = TypeVar("_Signing", "SubscriptionNew", "Rotation")
EXAMPLE: dict[str, Any] = {
    "url": "https://alerts.example.org/bongsu",
    "name": "press office",
    "rules": ["seoul-*", "tag:disaster*"],
    "policy": {"mode": "digest", "digest": {"times": ["09:00", "18:00"]}},
}


def _one_says_how(said: _Signing) -> _Signing:
    if said.secret is not None and said.sign is not None:
        raise ValueError("secret says how it signs; leave sign out")
    return said


class SubscriptionNew(Given):
    """A subscription that is to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE], "not": BOTH})

    url: Url = Field(description="Where webhooks are POSTed: https, or http in allowed networks.")
    name: Name = Field("", description="For people.")
    rules: Rules = Field(
        default=["*"], description="Globs over rule ids, over tags (`tag:...`), over entities (`entity:...`)."
    )
    policy: PolicyModel | None = Field(None, description="How it is told: docs/policies.md.")
    format: Format = Field("bongsu", description="What the body of a webhook looks like.")
    lang: Lang = Field("ko", description="Of the sentences that Bongsu writes.")
    headers: Headers = Field(default={}, description="Sent with every webhook.")
    max_per_s: Rate | None = Field(None, description="POSTs a second at most, where that is less than the settings.")
    max_in_flight: InFlight | None = Field(None, description="POSTs under way at once at most, likewise.")
    secret: Secret | None = Field(None, description="What signs. Default: made for you, and shown in the answer.")
    sign: Versions | None = Field(
        None, description="What the secrets that are made sign: v1 (HMAC-SHA256, the default), v1a (ed25519)."
    )

    _one_says_how = model_validator(mode="after")(_one_says_how)

    def fields(self) -> dict[str, Any]:
        """Of the record.

        Raises:
            BadInput: something of it cannot work.
        """
        return {
            "url": self.url,
            "name": self.name,
            "rules": tuple(self.rules),
            "policy": policy_of(self.policy.written() if self.policy else {}),
            "format": self.format,
            "lang": self.lang,
            "headers": headers_of(self.headers),
            "max_per_s": self.max_per_s,
            "max_in_flight": self.max_in_flight,
            "secrets": secrets_of(self.secret, self.sign),
        }


class SubscriptionPatch(Given):
    """What is to be others; what is not named stays, and null is the default again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "night desk", "max_per_s": None}]})

    url: Url = Field(default_factory=str, description="What waits goes there too, under the same ids.")
    name: Name | None = None
    rules: Rules | None = Field(None, description="All of them, not some more.")
    policy: dict[str, Any] | None = Field(None, description="Merged into the one that stands; null: none of its own.")
    format: Format | None = Field(None, description="Of what is found from now on.")
    lang: Lang | None = None
    headers: HeadersChanged | None = Field(
        None, description="Those named are set, or go where they are null; null instead of all: all go."
    )
    max_per_s: Rate | None = None
    max_in_flight: InFlight | None = None

    def fields(self, stands: SubscriptionRecord) -> dict[str, Any]:
        """Of the record that stands; in `headers` those that go are None.

        Raises:
            BadInput: something of it cannot work.
        """
        said: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        new = SubscriptionNew.model_fields
        fields = {name: new[name].get_default() if value is None else value for name, value in said.items()}
        if "rules" in fields:
            fields["rules"] = tuple(fields["rules"])
        if said.get("policy") is not None:
            written = stands.policy.written() if stands.policy else {}
            fields["policy"] = policy_of(merged(written, said["policy"]))
        if "headers" in said:
            given = said["headers"]
            headers: dict[str, str | None] = dict.fromkeys(stands.headers) if given is None else given
            headers_of({name: value for name, value in headers.items() if value is not None})
            fields["headers"] = headers
        return fields


class Rotation(Given):
    """How secrets are exchanged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_s": 3600}], "not": BOTH})

    overlap_s: float = Field(
        OVERLAP_S, ge=0, le=MAX_OVERLAP_S, allow_inf_nan=False, description="So long the old ones sign beside the new."
    )
    secret: Secret | None = Field(None, description="The new one. Default: made for you.")
    sign: Versions | None = Field(None, description="What the new ones sign. Default: as before.")

    _one_says_how = model_validator(mode="after")(_one_says_how)


def merged(stands: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(stands) if isinstance(stands, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def policy_of(written: Any) -> PolicyModel | None:
    """None where nothing is said.

    Raises:
        ApiProblem: it is not as it must be, or contradicts itself; every fault with its place.
    """
    try:
        policy = PolicyModel.model_validate(written)
    except ValidationError as error:
        found = faults_found(error)
    else:
        found = list(faults(policy, "subscription"))
        if not found:
            return policy if policy.written() else None
    errors = [{"pointer": pointer(["policy", *fault.path]), "detail": fault.message} for fault in found[:MAX_ERRORS]]
    raise ApiProblem(
        "invalid-request", "this policy cannot be kept (docs/policies.md): " + errors[0]["detail"], errors=errors
    )


def headers_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Raises InvalidSubscription: one may not be sent."""
    check_headers(headers)
    for name in filter(lambda name: is_sealed(headers[name]), headers):
        raise InvalidSubscription(f"the value of {name} starts with {SEALED!r}, as only what Bongsu has sealed may.")
    return dict(headers)


def secrets_of(secret: str | None, sign: list[Version] | None) -> tuple[str, ...]:
    """What a new subscription signs with. Raises InvalidSubscription: `secret` cannot sign."""
    if secret is None:
        return tuple(new_secret(version) for version in dict.fromkeys(sign or ["v1"]))
    read_secret(secret)
    return (secret,)
