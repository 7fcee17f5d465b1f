"""What every value on a topic has in common: the border between the roles, as pydantic models.

Every value carries `schema`; a record whose number is newer than SCHEMA stops the role that reads it
(`NewerSchema`), for skipping it would lose it. JSON Schemas in docs/schemas/ are generated from `records` (what an
article becomes) and `control_records` (who is told what, and who may say so).
"""

from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.model.errors import BadInput, NewerSchema

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
