"""Random rules over the whole language, random articles, and what a rule means, said as simply as can be.

`judge` is the oracle of the operators: every pair of occurrences is looked at, words and paragraphs are counted in the
text itself. It takes from the engine only what is decided about each occurrence before any rule is asked.
"""

import functools
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

import yaml
from hypothesis import strategies as st

from service.ingest.reading import Document
from service.matching.engine import Engine
from service.matching.expression import (
    And,
    AtLeast,
    EntityTerm,
    Expression,
    FieldIs,
    First,
    LiteralTerm,
    Near,
    Not,
    Or,
    Outside,
    RawTerm,
    Same,
    SomeOf,
    Term,
    WildcardTerm,
    Zoned,
    is_reachable,
)
from service.matching.occurrence import Occurrence
from service.matching.overlaps import glosses
from service.matching.ruleset import RuleSet
from service.matching.scene import by_place, same_case
from service.matching.schema import EntityModel, RuleModel
from service.model.article import Article
from service.model.mention import Reason, Zone

ENTITIES = """
entities:
  - {id: harbour, name: 나루시, kind: government, titles: [시장], aliases: [{text: 羅樓, lang: zh}, 나루 시]}
  - {id: hill, name: 가람산, kind: place, compound: accept, not_in: [가람산업]}
  - {id: press, name: 다솜전자, kind: company, aliases: [{text: DASOM, case: exact}, 다솜]}
  - {id: lamp, name: 등불, kind: product, needs: ["@press", 조명]}
"""
PIECES = st.sampled_from(
    ["나루시", "羅樓", "나루 시", "가람산", "가람산업", "다솜전자", "다솜", "DASOM", "dasom", "등불", "조명", "협약", "협약식", "은", "와", "시장", "이 ",
     " ", " ", "\n", ". ", "했다. ", "했다.\n", "새 다리를 놓았다. ", "가나 다라 ", '"', "[나루시=한빛일보 나라온 기자] ", "(가람산=한빛일보) ", "(羅樓)",
     "나라온 기자 naraon@example.com\n", "\n관련기사\n- 나루시 협약 소식\n- 다솜전자 등불\n", "▶ 가람산 사진\n", "&amp;", "\u200b", "(", ") "]
)  # fmt: skip
SAID = st.sampled_from(
    [
        "나루시",
        "나루시는",
        "나루시",
        "나루시장은",
        "가람산",
        "가람산과",
        "다솜전자",
        "다솜이",
        "DASOM",
        "dasom",
        "등불이",
        "협약",
        "협약을",
        "새 다리",
        "가나",
        "나루 시",
        "가람산업",
        "조명",
    ]
)
BETWEEN = st.sampled_from([" ", " ", " ", " 또 ", " 옛 큰 ", ". ", "했다. ", "했다.\n", "\n", '했다"고 했다. "'])
STORIES = st.lists(st.tuples(SAID, BETWEEN), min_size=2, max_size=14).map(
    lambda told: "".join(f"{said}{between}" for said, between in told) + "왔다고 했다."
)
TEXTS = st.one_of(
    STORIES,
    STORIES,
    st.lists(PIECES, min_size=1, max_size=30).map("".join),
    st.tuples(STORIES, STORIES).map(
        lambda two: f"[나루시=한빛일보 나라온 기자] {two[0]}\n\n관련기사\n- {two[1].replace('했다', '')}"
    ),
)
TITLES = st.none() | st.sampled_from(["나루시 협약", "가람산", "다솜전자, 등불을 켜다", "소식", "DASOM dasom"])
SOURCES = st.sampled_from([None, "한빛일보", "가람일보"])
ARTICLES = st.builds(
    lambda title, text, source, lang: Article("a", title=title, text=text, source=source, lang=lang),
    TITLES,
    TEXTS,
    SOURCES,
    st.sampled_from([None, "ko", "ko-KR", "en"]),
)

TERMS: st.SearchStrategy[Expression] = st.sampled_from(
    [*(EntityTerm(name) for name in ("harbour", "hill", "press", "lamp")),
     *(LiteralTerm(text) for text in ("협약", "나루시", "등불", "다솜", "새 다리", "가나")),
     RawTerm("DASOM"), RawTerm("다솜"), WildcardTerm("협약"), WildcardTerm("다솜"), WildcardTerm("daso")]
)  # fmt: skip
ZONES = ("title", "subhead", "lead", "body", "caption", "quote", "dateline", "related", "any")
FIELDS = st.builds(
    FieldIs, st.sampled_from(["source", "lang"]), st.sampled_from(["한빛일보", "*일보", "ko", "k?", "k*", "없음"])
)


@st.composite
def rules(draw: st.DrawFn) -> Expression:
    """A rule that may be written."""
    whole = _anything(draw, draw(st.sampled_from([0, 0, 1, 2])), "zone first field")
    return whole if is_reachable(whole) else And((draw(TERMS), whole))


def _place(draw: st.DrawFn, free: str, *, wild: bool = True) -> Expression:
    """Something that NEAR and the like may stand over. `free`: what it is not yet inside of."""
    terms = TERMS if wild else TERMS.filter(lambda term: not isinstance(term, WildcardTerm))
    kind = draw(st.sampled_from(["term", "term", "term", "or", "or", "outside", *free.split()]))
    if kind == "or":
        return Or(tuple(draw(st.lists(terms, min_size=2, max_size=3))))
    if kind == "outside":
        part = draw(terms)
        holders = draw(st.lists(terms.filter(lambda term: term != part), min_size=1, max_size=2))
        return Outside(part, tuple(holders))
    if kind in ("zone", "first"):
        return _within(draw, kind, lambda left: _place(draw, left, wild=wild), free)
    return draw(terms)


def _within(draw: st.DrawFn, kind: str, inner: Callable[[str], Expression], free: str) -> Expression:
    left = " ".join(word for word in free.split() if word not in (kind, "field"))
    if kind == "first":
        return First(draw(st.integers(1, 60)), inner(left.replace("zone", "")))
    zone: Any = draw(st.sampled_from(ZONES))
    return Zoned(zone, inner(left.replace("first", "") if zone == "title" else left))


def _anything(draw: st.DrawFn, depth: int, free: str) -> Expression:  # noqa: PLR0911 - one line an operator
    small = ["place", "near", "same", "atleast"]
    kind = draw(st.sampled_from([*small, *(["and", "or", "not", "of", *free.split()] if depth else [])]))
    if kind in ("and", "or", "of"):
        parts = tuple({_anything(draw, depth - 1, free): None for _ in range(draw(st.integers(2, 3)))})
        if len(parts) < 2:
            return parts[0]
        if kind == "of":
            return SomeOf(draw(st.integers(1, len(parts))), parts)
        return And(parts) if kind == "and" else Or(parts)
    if kind == "not":
        return Not(_anything(draw, depth - 1, free))
    if kind == "near":
        left, right = _place(draw, free_of_fields(free), wild=False), _place(draw, free_of_fields(free), wild=False)
        return Near(left, right, draw(st.integers(0, 8)), draw(st.booleans()))
    if kind == "same":
        parts = tuple(_place(draw, free_of_fields(free)) for _ in range(draw(st.integers(2, 3))))
        return Same(draw(st.sampled_from(["sentence", "paragraph"])), parts)
    if kind == "atleast":
        return AtLeast(draw(st.integers(1, 3)), _place(draw, free_of_fields(free)))
    if kind in ("zone", "first"):
        return _within(draw, kind, lambda left: _anything(draw, depth - 1, left), free)
    return draw(FIELDS) if kind == "field" else _place(draw, free_of_fields(free))


def free_of_fields(free: str) -> str:
    """A field is no place."""
    return free.replace("field", "")


@functools.cache
def _entities() -> list[EntityModel]:
    return [EntityModel.model_validate(one) for one in yaml.safe_load(ENTITIES)["entities"]]


def engine_for(expressions: Iterable[Expression]) -> Engine:
    """An engine with a rule r0, r1, ... for each."""
    return Engine(rule_set(_entities(), expressions))


def rule_set(entities: Iterable[EntityModel], expressions: Iterable[Expression]) -> RuleSet:
    """These entities, and a rule r0, r1, ... for each expression."""
    asked = [RuleModel(id=f"r{number}", when=str(one)) for number, one in enumerate(expressions)]
    return RuleSet.build([*((one, nowhere) for one in entities), *((one, nowhere) for one in asked)])


def nowhere(_path: object, _offset: int) -> tuple[str, int, int]:
    """The place in its file of a definition that stands in none."""
    return "test", 1, 1


Evidence = dict[int, Occurrence]
"""By identity."""
_STORY = (Zone.LEAD, Zone.BODY)


class Oracle:
    """The plain meaning of rules about one article."""

    def __init__(self, engine: Engine, article: Article) -> None:
        self.engine = engine
        self.article = article
        self.document, self.occurrences = engine.inspect(article)
        self.text = self.document.text

    def judge(  # noqa: PLR0911 - one line an operator
        self, expression: Expression, zone: str | None = None, first: int | None = None
    ) -> tuple[bool, Evidence]:
        """Whether it is true, and what made it so."""
        if isinstance(expression, And | Or | SomeOf):
            judged = [self.judge(part, zone, first) for part in expression.parts]
            count = {And: len(judged), Or: 1}.get(type(expression), getattr(expression, "count", 0))
            if sum(truth for truth, _ in judged) < count:
                return False, {}
            return True, {key: one for truth, found in judged if truth for key, one in found.items()}
        if isinstance(expression, Not):
            return not self.judge(expression.part, zone, first)[0], {}
        if isinstance(expression, FieldIs):
            return self._field(expression), {}
        if isinstance(expression, Zoned):
            return self.judge(expression.part, expression.zone, first)
        if isinstance(expression, First):
            return self.judge(expression.part, zone, expression.characters)
        if isinstance(expression, Near):
            found = self._near(expression, zone, first)
        elif isinstance(expression, Same):
            found = self._same(expression, zone, first)
        elif isinstance(expression, AtLeast):
            kept = self._apart(self.finds(expression.part, zone, first))
            found = kept if len(kept) >= expression.count else []
        else:
            found = self.finds(expression, zone, first)
        return bool(found), {id(one): one for one in found}

    def finds(self, expression: Expression, zone: str | None, first: int | None) -> list[Occurrence]:
        """Of a place: where it stands."""
        if isinstance(expression, Zoned):
            return self.finds(expression.part, expression.zone, first)
        if isinstance(expression, First):
            return self.finds(expression.part, zone, expression.characters)
        if isinstance(expression, Or):
            found = {id(one): one for part in expression.parts for one in self.finds(part, zone, first)}
            return list(found.values())
        if isinstance(expression, Outside):
            holders = [one for holder in expression.holders for one in self._of(holder) if self._stands(one)]
            return [
                one
                for one in self.finds(expression.part, zone, first)
                if not any(holder.start <= one.start and one.end <= holder.end for holder in holders)
            ]
        own = self._of(expression)
        counted = [one for one in own if one.reason is None and not one.merged]
        if zone in ("dateline", "related", "any"):
            counted += self._beyond(own)
        return [one for one in counted if self._is_in(one, zone, first)]

    def _of(self, term: Expression) -> list[Occurrence]:
        assert isinstance(term, Term)
        number = self.engine._lexicon.term(term)
        return sorted((one for one in self.occurrences if one.surface.term == number), key=by_place)

    def _stands(self, one: Occurrence) -> bool:
        assert one.verdict is not None
        right = one.verdict.reason is None
        case = one.surface.case is None or same_case(self.document, one)
        return one.begins and right and one.blocker is None and case

    def _beyond(self, own: list[Occurrence]) -> list[Occurrence]:
        counted = {one.surface.term for one in self.occurrences if one.reason is None and not one.merged}
        kept = [
            one
            for one in own
            if one.reason is Reason.ZONE
            and not one.merged
            and self._stands(one)
            and (one.surface.needs is None or any(need in counted for need in one.surface.needs))
        ]
        repeated = {id(one) for one in glosses(self.text, kept)}
        return [one for one in kept if id(one) not in repeated]

    def _is_in(self, one: Occurrence, zone: str | None, first: int | None) -> bool:
        document: Document = self.document
        if first is not None:
            begin = next(
                (at for at in range(document.body_start, len(self.text) - 1)
                 if document.zones.at(at)[0] in _STORY and document.zones.at(at)[1] is None),
                document.body_start,
            )  # fmt: skip
            if not begin <= one.start < begin + first:
                return False
        here, _ = document.zones.at(one.start)
        if zone in (None, "any"):
            return True
        if zone == "quote":
            return document.zone_at(one.start) is Zone.QUOTE
        return here in _STORY if zone == "body" else here.value == zone

    def _near(self, near: Near, zone: str | None, first: int | None) -> list[Occurrence]:
        left, right = self.finds(near.left, zone, first), self.finds(near.right, zone, first)
        out = []
        for one in left:
            for other in right:
                pairs = [(one, other)] if near.ordered else [(one, other), (other, one)]
                if any(self._is_near(before, after, near.words) for before, after in pairs):
                    out += [one, other]
        return out

    def _is_near(self, before: Occurrence, after: Occurrence, words: int) -> bool:
        if before.end > after.start:
            return False
        whole = [found for found in re.finditer(r"\S+", self.text)
                 if before.end <= found.start() and found.end() <= after.start]  # fmt: skip
        zones = {self.document.zones.at(at)[0] for at in range(before.end - 1, after.start + 1)}
        if len(zones) > 1 or "\n" in self.text[before.end : after.start]:
            return False
        touching = [found for found in whole if after.start in (found.start(), found.end())]
        return len(whole) - len(touching) <= words

    def _same(self, same: Same, zone: str | None, first: int | None) -> list[Occurrence]:
        found = [self.finds(part, zone, first) for part in same.parts]
        units = [{self._unit(one, same.unit) for one in finds} for finds in found]
        shared = set.intersection(*units)
        return [one for finds in found for one in finds if self._unit(one, same.unit) in shared]

    def _unit(self, one: Occurrence, unit: str) -> object:
        line = self.text.count("\n", 0, one.start)
        if unit == "paragraph":
            return line
        return line, self.document.zones.at(one.start)[0], self.document.sentence_span(one.start)[0]

    @staticmethod
    def _apart(found: list[Occurrence]) -> list[Occurrence]:
        kept: list[Occurrence] = []
        for one in sorted(found, key=lambda one: (one.start - one.end, one.start, one.surface.term)):
            if all(one.end <= other.start or other.end <= one.start for other in kept):
                kept.append(one)
        return kept

    def _field(self, field: FieldIs) -> bool:
        value: str | None = getattr(self.article, field.name)
        if value is None:
            return False
        if field.name == "lang" and "*" not in field.value and "?" not in field.value:
            return (value.casefold() + "-").startswith(field.value.casefold() + "-")
        return fnmatchcase(value.casefold(), field.value.casefold())
