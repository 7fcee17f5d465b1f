"""Rule files as pydantic models (design 3.2): what an author may write. The border; inside are `entities` values."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from service.model.policy import PolicyModel

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$", max_length=200)]
Surface = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Kind = Literal["place", "government", "company", "person", "product", "other"]
_LANGUAGE = re.compile(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")


class Model(BaseModel):
    """Base: nothing unknown, nothing converted, nothing changed later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class AliasModel(Model):
    """Another way to write the name."""

    text: Surface
    lang: Annotated[str, StringConstraints(pattern=_LANGUAGE.pattern)] | None = None
    ambiguous: bool | None = None
    needs: Annotated[list[Surface], Field(max_length=500)] | None = None
    case: Literal["ignore", "exact"] | None = None
    """`exact`: US is not us."""


def _as_alias(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


Alias = Annotated[AliasModel, BeforeValidator(_as_alias)]


class EntityModel(Model):
    """What is watched."""

    id: Id
    name: Surface
    kind: Kind = "other"
    aliases: list[Alias] = Field(default_factory=list)
    not_in: list[Surface] = Field(default_factory=list)
    titles: list[Surface] = Field(default_factory=list)
    compound: Literal["reject", "accept"] = "reject"
    ambiguous: bool | None = None
    needs: Annotated[list[Surface], Field(max_length=500)] | None = None
    case: Literal["ignore", "exact"] | None = None


class ExampleModel(Model):
    """A test that a rule carries: an article, and whether the rule fires on it."""

    text: str | None = None
    title: str | None = None
    html: str | None = None
    source: str | None = None
    author: str | None = None
    section: str | None = None
    lang: str | None = None
    url: str | None = None
    fires: bool


class RuleModel(Model):
    """When to tell somebody."""

    id: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None
    when: str
    """What must be found: @entity, "words", AND, OR, NOT, NEAR/5, SAME SENTENCE, title: ... (docs/rules.md)."""
    tags: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field(default_factory=list)
    policy: PolicyModel | None = None
    """How it is told where a subscription does not say otherwise."""
    owner: str | None = None
    expires: Annotated[str, WithJsonSchema({"type": "string", "format": "date"})] | None = None
    """The last day on which it fires, in Seoul: 2026-12-31."""
    shadow: bool = False
    """Counted, never notified."""
    tests: list[ExampleModel] = Field(default_factory=list)


class FileModel(Model):
    """One rule file."""

    entities: list[EntityModel] = Field(default_factory=list)
    rules: list[RuleModel] = Field(default_factory=list)
