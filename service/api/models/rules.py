"""Rules as the API takes and shows them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from service.actions.rules_process import MAX_TESTS
from service.api.models.articles import ARTICLE
from service.api.models.common import Given, Shown, Time, whole

MAX_ARTICLES = 20_000
MAX_HOURS = 24.0
MAX_RULES = 1_000
MAX_FAILED = 100
EXAMPLE = """entities:
  - {id: garam, name: 가람시, kind: government}
rules:
  - {id: garam-deals, when: '@garam AND "협약"'}
"""

Draft = Annotated[
    str,
    Field(
        min_length=1,
        description="A rule file (docs/rules.md) as text, YAML or JSON.",
        examples=[EXAMPLE],
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Rule(Shown):
    """A rule in force."""

    id: str
    name: str
    when: str
    tags: list[str]
    owner: str | None
    expires: str | None = Field(description="The last day on which it fires, in Seoul.")
    shadow: bool = Field(description="Counted, never notified.")

    @classmethod
    def of(cls, written: dict[str, Any]) -> "Rule":
        """Of a rule as it stands in a rule file."""
        return cls(
            id=written["id"],
            name=written.get("name") or written["id"],
            when=written["when"],
            tags=written.get("tags", []),
            owner=written.get("owner"),
            expires=written.get("expires"),
            shadow=written.get("shadow", False),
        )


class RuleWithSource(Rule):
    """A rule in force with all that its author wrote."""

    source: dict[str, Any] = Field(description="As in a rule file: policy and tests too.")


class Entity(Shown):
    """An entity in force."""

    id: str
    name: str
    kind: str
    source: dict[str, Any] = Field(description="As in a rule file.")

    @classmethod
    def of(cls, written: dict[str, Any]) -> "Entity":
        """Of an entity as it stands in a rule file."""
        return cls(id=written["id"], name=written["name"], kind=written.get("kind", "other"), source=written)


class InForce(Shown):
    """Which set is in force."""

    version: str = Field(description="Hash of its content, and the `ETag`; `none` where nothing was ever applied.")
    applied_at: Time | None
    rules_total: int
    entities_total: int


class RulesPage(InForce):
    """Some of the rules in force, by id."""

    items: list[Rule]
    next_cursor: str | None = Field(description="Of the page that follows; null: this is the last.")


class EntitiesPage(InForce):
    """Some of the entities in force, by id."""

    items: list[Entity]
    next_cursor: str | None = Field(description="Of the page that follows; null: this is the last.")


class Fault(Shown):
    """What is wrong, and where in the draft."""

    line: int
    column: int
    message: str


class Warned(Fault):
    """What will be regretted."""

    kind: str
    id: str = Field(description="Of the rule or entity.")


class Open(Shown):
    """Part of an answer that has more members than are named here (docs/api.md)."""

    model_config = ConfigDict(extra="allow")


class Part(Open):
    """One part of a rule."""

    depth: int
    part: str
    true: bool
    why: str


class FailedTest(Shown):
    """A test of a rule that does not come out as it says."""

    rule: str = Field(description="Its id.")
    article: dict[str, str] = Field(description="As the test gives it.")
    fires: bool
    expected: bool
    parts: list[Part] = Field(description="The rule on this article, part by part.")


class Checked(Shown):
    """What a check found."""

    loads: bool
    version: str | None = Field(description="That the set would have; null: it does not load.")
    rules_total: int
    entities_total: int
    errors: list[Fault] = Field(description="Why it does not load.")
    warnings: list[Warned] = Field(description=f"The first {MAX_RULES}.")
    tests_total: int = Field(
        description=f"Of the tests that the rules carry those that were run: the first {MAX_TESTS}."
    )
    tests_failed_total: int
    tests_failed: list[FailedTest] = Field(description=f"The first {MAX_FAILED} of them.")


class ExplainRequest(Given):
    """An article, and the rules to look at it with."""

    article: Annotated[dict[str, Any], Field(json_schema_extra=ARTICLE)]
    draft: Draft | None = Field(None, description="Rules that are tried; without it those in force.")
    rule: Name | None = Field(None, description="Only this rule: each part of it, true or not, and why.")
    entity: Name | None = Field(None, description="Only this entity.")


class ExplainedRule(Open):
    """A rule, part by part."""

    id: str
    fires: bool
    parts: list[Part]


class Explained(Shown):
    """Every occurrence of every surface, and why it counts or does not."""

    version: str | None = Field(description="Of the rules in force; null: of a draft.")
    article: dict[str, Any]
    occurrences: list[Open]
    rule: ExplainedRule | None = None


class BacktestRequest(Given):
    """Rules to try on the articles of the last day."""

    draft: Draft
    hours: float = Field(MAX_HOURS, gt=0, le=MAX_HOURS, description="How far back.")
    max_articles: Annotated[int, Field(ge=1, le=MAX_ARTICLES), BeforeValidator(whole)] = Field(
        MAX_ARTICLES, description="Articles that are looked at, at most."
    )
    compare: bool = Field(False, description="Also with the rules in force: what would come, what would go.")


class Backtested(Shown):
    """What the rules would have found."""

    complete: bool = Field(description="False: a limit (of articles, or a minute of time) ended it early.")
    articles: int
    unread: int = Field(description="Records that are no articles.")
    fired_in: int = Field(description="Articles in which any rule fires.")
    by_day: dict[str, int]
    rules: list[Open] = Field(description=f"Those that fire (or did), by how often; {MAX_RULES} at most.")
    silent: int = Field(description="Rules that fire nowhere.")


class Applied(InForce):
    """What applying did."""

    items_written: int
    items_kept: int
    items_removed: int
