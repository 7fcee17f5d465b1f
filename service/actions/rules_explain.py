"""Explaining an article: every occurrence of every surface, what was decided at each step, and a rule part by part."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from service.ingest.metadata import Metadata, read_metadata
from service.ingest.reading import Document
from service.matching.answer import mention_dict
from service.matching.engine import Engine
from service.matching.entities import Rule
from service.matching.expiry import expired
from service.matching.explain import Explanation
from service.matching.explain import explain as occurrences_of
from service.matching.expression import EntityTerm, terms_of
from service.matching.language import did_you_mean
from service.matching.trace import Part, trace
from service.model.article import Article
from service.model.errors import NotFound


class UnknownName(NotFound):
    """The rules have no such rule or entity; the message says which are near."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What is said of one article."""

    article: Article
    about: Metadata
    occurrences: tuple[Explanation, ...]
    rule: Rule | None
    parts: tuple[Part, ...]
    """Of the rule, the whole first; empty without one."""
    is_over: bool
    """The rule has expired."""

    @property
    def fires(self) -> bool:
        """Whether the rule does; false without one."""
        return bool(self.parts) and self.parts[0].true and not self.is_over

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        out: dict[str, Any] = {
            "article": {"id": self.article.id, **asdict(self.about)},
            "occurrences": [_occurrence_dict(one) for one in self.occurrences],
        }
        if self.rule is not None:
            parts = [part_dict(part) for part in self.parts]
            out["rule"] = {**rule_dict(self.rule), "fires": self.fires, "parts": parts}
        return out


def explain(engine: Engine, article: Article, *, entity: str | None, rule_id: str | None, now_s: float) -> Explained:
    """Explain an article, of one entity or of all; with a rule only what that asks for.

    Raises:
        UnknownName: the rules of `engine` have no such entity or rule.
    """
    check_names(engine, entity=entity, rule_id=rule_id)
    rule = next((one for one in engine.ruleset.rules if one.id == rule_id), None)
    found: Iterable[Explanation] = occurrences_of(engine, article, entity)
    parts: tuple[Part, ...] = ()
    if rule is not None:
        parts = tuple(trace(engine, rule, article))
        about_it = {term.id for term in terms_of(rule.expression) if isinstance(term, EntityTerm)}
        found = (one for one in found if one.mention.entity in about_it)
    is_over = rule is not None and any(expired([rule], now_s))
    return Explained(article, read_metadata(Document(article)), tuple(found), rule, parts, is_over)


def check_names(engine: Engine, *, entity: str | None, rule_id: str | None) -> None:
    """Raises UnknownName where the rules of `engine` have no such entity or rule."""
    for what, wanted, named in (("entity", entity, engine.ruleset.entities), ("rule", rule_id, engine.ruleset.rules)):
        if wanted is not None and wanted not in (known := [one.id for one in named]):
            raise UnknownName(f"there is no {what} {wanted}{did_you_mean(wanted, known)}")


def rule_dict(rule: Rule) -> dict[str, Any]:
    """What is said of a rule beside what it asks for."""
    return {"id": rule.id, "name": rule.name, "owner": rule.owner, "expires": rule.expires, "shadow": rule.shadow}


def part_dict(part: Part) -> dict[str, Any]:
    """For JSON."""
    return {"depth": part.depth, "part": part.text, "true": part.true, "why": part.why}


def _occurrence_dict(one: Explanation) -> dict[str, Any]:
    steps = [{"question": step.question, "answer": step.answer, "passed": step.passed} for step in one.steps]
    return {**mention_dict(one.mention), "merged": one.merged, "sentence": one.sentence, "steps": steps}
