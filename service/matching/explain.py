"""Why an occurrence counts or not, step by step, in words: what `bongsu explain` prints.

It asks the same functions as the engine; a test holds the two together.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from service.ingest.reading import Document
from service.matching.engine import Engine
from service.matching.findings import mention_of
from service.matching.lexicon import Surface
from service.matching.occurrence import Occurrence
from service.matching.scene import same_case
from service.model.article import Article
from service.model.mention import Mention, Reason, Zone

_ZONES = {
    Zone.DATELINE: "the dateline names where it was written, not what it is about",
    Zone.BYLINE: "the by-line or a credit",
    Zone.RELATED: "a list of other articles",
    Zone.BOILERPLATE: "what the portal or the newspaper puts around articles",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One question, its answer, and whether it lets the occurrence pass."""

    question: str
    answer: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """One occurrence with all that was asked about it."""

    mention: Mention
    sentence: str
    steps: tuple[Step, ...]
    merged: bool
    """Part of a longer mention of the same entity."""


def explain(engine: Engine, article: Article, entity: str | None = None) -> Iterator[Explanation]:
    """Every occurrence of every surface (of `entity`), in order of the article."""
    document, occurrences = engine.inspect(article)
    for one in sorted(occurrences, key=lambda one: (one.start, one.end)):
        if one.surface.owner is not None and entity in (None, one.surface.owner):
            steps = tuple(_steps(engine, document, one))
            yield Explanation(mention_of(document, one), document.sentence(one.start), steps, one.merged)


def _steps(engine: Engine, document: Document, one: Occurrence) -> Iterator[Step]:
    surface, text = one.surface, document.text
    zone, reason = document.place(one.start)
    yield Step("zone", f"{zone.value}: {_ZONES[zone]}" if zone in _ZONES else zone.value, reason is not Reason.ZONE)
    yield Step(
        "repetition",
        "a later paragraph says the same" if reason is Reason.DUPLICATE else "none",
        reason is not Reason.DUPLICATE,
    )
    if surface.blocked:
        inside = text[slice(*one.blocker)] if one.blocker else None
        yield Step("not_in", f"inside {inside}" if inside else "not inside any of them", inside is None)
    before = text[max(0, one.start - 4) : one.start].rsplit("\n", 1)[-1]
    yield Step("begins", _left(before, surface, begins=one.begins), one.begins)
    verdict = one.verdict
    if verdict is not None:
        yield Step("ends", _right(one, text), verdict.reason is None)
    if surface.case is not None:
        same = same_case(document, one)
        yield Step("case", "in the letters of the surface" if same else f"not written {surface.case}", same)
    if surface.needs is not None:
        terms = ", ".join(engine.term_name(term) for term in surface.needs)
        missing = one.reason is Reason.AMBIGUOUS
        yield Step(
            "needs",
            f"none of {terms} is there" if missing else f"one of {terms} is there, or it failed before",
            not missing,
        )
    elif one.confidence < 1:
        yield Step("sense", f"confidence {one.confidence:.2f}", one.reason is not Reason.AMBIGUOUS)
    if one.merged:
        yield Step("overlap", "part of a better surface of the same entity at this place", False)
    elif one.reason is Reason.DUPLICATE and reason is None:
        yield Step("gloss", "in brackets right after another surface of the same entity", False)


def _left(before: str, surface: Surface, *, begins: bool) -> str:
    if surface.free:
        return "no boundaries in this language"
    if not before:
        return "at the beginning"
    return f"after {before[-1]!r}" if begins else f"inside a word: {before.rsplit(maxsplit=1)[-1]}+{surface.shown}"


def _right(one: Occurrence, text: str) -> str:
    assert one.verdict is not None
    end = one.end
    while end < len(text) and end - one.end < 12 and not text[end].isspace():
        end += 1
    tail = text[one.end : end]
    verdict = one.verdict
    if verdict.reason is None:
        if verdict.via is not None:
            return f"{one.surface.shown}+{verdict.why or tail}, by way of a {verdict.via}"
        return f"{one.surface.shown}+{tail}" if tail else "at the end of the word"
    if verdict.reason is Reason.TITLE:
        return f"{one.surface.shown}+{tail}: a title of office that the entity does not list under titles"
    if verdict.reason is Reason.COMPOUND:
        return (
            f"{one.surface.shown}+{tail}: another word (no josa or suffix that fits; the entity says compound: reject)"
        )
    return f"{one.surface.shown}+{tail}: inside a longer word"
