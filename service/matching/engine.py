"""The engine: an article in, findings out.

The way of a candidate (docs/matching.md): found by the automaton; does it begin and end here (boundary)? does it stand
where the article itself speaks (zone, repetition)? is it inside a longer name that its entity excludes (not_in)? has
it the evidence it needs, and does the second opinion agree (sense)? `match` drops a candidate at the first No, cheapest
question first; `examine` asks all of them, so that each gets its first reason in the order of the contract.
"""

import re
from collections.abc import Container, Iterable, Sequence
from typing import TypeAlias

from service.ingest.reading import Document
from service.matching.blockers import Blockers
from service.matching.boundary import JUDGED_BY_NEXT, PREFIX_ENDS, TAIL, begins, closed_after, ends, open_before
from service.matching.compile import Compiler
from service.matching.evaluate import Node
from service.matching.expression import Expression
from service.matching.findings import Findings, Hit
from service.matching.hangul import HANGUL
from service.matching.index import RuleIndex
from service.matching.josa import MAX_TAIL, tails
from service.matching.lexicon import Surface, compile_lexicon
from service.matching.occurrence import Occurrence
from service.matching.overlaps import glosses, merge
from service.matching.ruleset import RuleSet
from service.matching.scene import EVERYWHERE, Scene, Where, by_place, is_only_zoned_out, same_case
from service.matching.sense import CERTAIN, UNASKED, Reading, Veto
from service.model.article import Article
from service.model.mention import Reason

CONTEXT = 16
"""Characters on either side, within the sentence, that the second opinion is given."""
MAX_ASKED = 8
"""Occurrences of one surface in one article that are asked about; the rest get the mean of these."""
NOT_A_NAME = 0.2
REACH = MAX_TAIL + 2
"""Characters in which the space after a tail is looked for: a text may have none at all."""
_ENUMERATOR_ENDS = frozenset(").")
_MARKS = frozenset("\"'<>[]「」『』《》〈〉")
_TAGS = re.compile("<[^<>]{0,40}>")
_ENUMERATOR = re.compile(r"(?:^|(?<= ))\(?(?:\d{1,2}|[가나다라마바사아자차카타파하])[).]$")


class Engine:
    """Compiled rules. Made once for a rule set; `match` and `examine` keep no state and may be called from threads."""

    def __init__(self, ruleset: RuleSet, *, min_confidence: float = 0.5, veto: Veto | None = None) -> None:
        self.ruleset = ruleset
        self._lexicon = compile_lexicon(ruleset)
        self._index = RuleIndex(ruleset.rules, self._lexicon)
        self._entities = len(ruleset.entities)
        self._min_confidence = min_confidence
        self._veto = veto
        self._blocks = {number: one.blocks for number, one in enumerate(self._lexicon.patterns) if one.blocks}
        """By pattern: the terms that do not count inside it. Most sets have none."""
        self._looks = [_looks(pattern.surfaces) for pattern in self._lexicon.patterns]

    def match(self, article: Article, now_s: float | None = None) -> Findings:
        """The rules that fire: the fast path. Mentions and suppressed are worked out only if asked for.

        `now_s` (seconds since the epoch) is the time of the article: rules that expired before it do not fire. Without
        it all rules are in force.
        """
        return self.match_in(Document(article), now_s)

    def match_in(self, document: Document, now_s: float | None = None) -> Findings:
        """`match` of an article that is read already."""
        occurrences, woken = self._relevant(self._candidates(document))
        self._decide(document, occurrences)
        hits = self._hits(document, occurrences, now_s)
        article = document.article
        return Findings(
            document, hits, None, self._entities, lambda: self.examine(article, now_s), woken=woken,
            passed_over=[one.reason for one in occurrences if one.reason is not None and not one.merged],
        )  # fmt: skip

    def examine(self, article: Article, now_s: float | None = None) -> Findings:
        """All: rules, mentions, and every other occurrence with its first reason. `now_s` as in `match`."""
        document, occurrences = self.inspect(article)
        return Findings(document, self._hits(document, occurrences, now_s), occurrences, self._entities)

    def scene(self, article: Article) -> Scene:
        """What rules are asked about: every occurrence, decided upon."""
        document, occurrences = self.inspect(article)
        return self._scene(document, occurrences)

    def inspect(self, article: Article) -> tuple[Document, list[Occurrence]]:
        """Every occurrence of every surface with all that was decided about it: what `bongsu explain` prints."""
        document = Document(article)
        occurrences = self._all(document)
        self._decide(document, occurrences)
        return document, occurrences

    def node(self, expression: Expression, where: Where = EVERYWHERE) -> Node:
        """A part of a rule of this set, ready to be asked about a scene."""
        return Compiler(self._lexicon).node(expression, where)

    def warm_up(self) -> None:
        """Ask now which surfaces are words too, and not when the first article names one. Takes 0.2 ms a surface."""
        for pattern in self._lexicon.patterns:
            for surface in pattern.surfaces:
                self._is_doubtful(surface)

    def term_name(self, term: int) -> str:
        """How an author would write a term."""
        if term < self._entities:
            return f"@{self._lexicon.entities[term].id}"
        return str(self._lexicon.words[term - self._entities])

    def _candidates(self, document: Document) -> list[Occurrence]:  # noqa: C901, PLR0912 - the inner loop
        """Occurrences that begin and end as a name of theirs may, outside their entity's `not_in`."""
        text = document.text
        looks, blocks = self._looks, self._blocks
        masks, work_out = tails().known, tails().mask
        space = text.find
        out: list[Occurrence] = []
        blockers: dict[int, Blockers] = {}
        blocked = False
        for start, end, number in self._lexicon.find(text):
            before = text[start - 1]
            if (
                "가" <= before <= "힣"
                and "가" <= text[start] <= "힣"
                and before not in PREFIX_ENDS
                and number not in blocks
            ):
                continue  # inside another word: most finds end here, and quickly
            look = looks[number]
            while look is not None:
                surface, opened, closed, need, plain, look = look
                if before not in opened and not begins(text, start, surface):
                    continue
                verdict = None
                if text[end] not in closed:
                    stop = space(" ", end, end + REACH)
                    fits = masks.get(text[end:stop]) if stop >= 0 else None  # Hangul alone where it is known
                    if fits is None:
                        run = TAIL.match(text, end)
                        if run is not None and text[run.end()] != "(":
                            fits = work_out(run[0])
                    if fits is None or not fits & need:
                        if (
                            fits is not None
                            and plain
                            and (text[end] not in JUDGED_BY_NEXT or "가" <= text[end + 1] <= "힣")
                        ):
                            continue
                        verdict = ends(text, end, surface)
                        if verdict.reason is not None:
                            continue
                one = Occurrence(start, end, surface)
                if verdict is not None:
                    one.via, one.verdict = verdict.via, verdict
                out.append(one)
                if surface.blocked:
                    blocked = True
            if number in blocks:
                for term in blocks[number]:
                    blockers.setdefault(term, Blockers()).add(text, start, end)
        if blocked and blockers:
            out = [one for one in out if _blocker(one, blockers) is None]
        return out

    def _relevant(self, occurrences: list[Occurrence]) -> tuple[list[Occurrence], int]:
        """Those that can make a difference to a rule: of the others nobody asks where they stand or what they mean.

        And how many rules were asked.
        """
        wanted, woken = self._index.awake({one.surface.term for one in occurrences})
        size = -1
        while size < len(wanted):  # what is evidence for them, and what is evidence for that
            size = len(wanted)
            for one in occurrences:
                if one.surface.needs is not None and one.surface.term in wanted:
                    wanted.update(one.surface.needs)
        return [one for one in occurrences if one.surface.term in wanted], woken

    def _all(self, document: Document) -> list[Occurrence]:
        text = document.text
        out: list[Occurrence] = []
        blockers: dict[int, Blockers] = {}
        for start, end, number in self._lexicon.find(text):
            look = self._looks[number]
            while look is not None:
                surface, *_, look = look
                one = Occurrence(start, end, surface)
                one.begins = begins(text, start, surface)
                one.verdict = ends(text, end, surface)
                one.via = one.verdict.via
                if not one.begins:
                    one.reason = Reason.BOUNDARY
                elif one.verdict.reason is not None:
                    one.reason = one.verdict.reason
                out.append(one)
            for term in self._blocks.get(number, ()):
                blockers.setdefault(term, Blockers()).add(text, start, end)
        for one in out:
            one.blocker = _blocker(one, blockers)
            if one.blocker is not None:
                one.reason = Reason.NOT_IN
            elif one.surface.case is not None and not same_case(document, one):
                one.reason = one.reason or Reason.BOUNDARY
            one.stands = one.reason is None
        return out

    def _decide(self, document: Document, occurrences: Sequence[Occurrence]) -> None:  # noqa: C901, PLR0912
        """Zone and repetition, sense, needs; then one mention for each place."""
        pending: list[Occurrence] = []
        by_term: dict[int, list[Occurrence]] = {}
        place = document.place
        beyond = self._index.beyond
        for one in occurrences:
            surface = one.surface
            if (reason := place(one.start)[1]) is not None:
                one.reason = reason
                if surface.case is not None and one.stands and surface.term in beyond:
                    one.stands = same_case(document, one)
            elif one.reason is None:
                if surface.case is not None or surface.acronym:
                    self._look_at_case(document, one)
                if surface.needs is not None and one.reason is None:
                    pending.append(one)
            if surface.term in by_term:
                by_term[surface.term].append(one)
            else:
                by_term[surface.term] = [one]
        for same in by_term.values():
            for one in same:
                surface = one.surface
                if one.reason is None and surface.doubtful is not False and surface.needs is None:
                    self._ask(document, same)
                    break
        if pending:
            _settle_needs(by_term, pending)
        for same in by_term.values():
            if len(same) > 1:
                kept = merge(same)
                for one in glosses(document.text, [one for one in kept if one.reason is None]):
                    one.reason = Reason.DUPLICATE

    def _look_at_case(self, document: Document, one: Occurrence) -> None:
        if one.surface.case is not None and not same_case(document, one):
            one.reason = Reason.BOUNDARY
        elif _is_plain_word(document, one):
            one.reason, one.confidence = Reason.AMBIGUOUS, NOT_A_NAME

    def _ask(self, document: Document, same: Iterable[Occurrence]) -> None:
        """The second opinion about the occurrences of one term that stand so far."""
        self._weigh(document, (one for one in same if one.reason is None))
        for one in same:
            if one.reason is None and one.confidence < self._min_confidence:
                one.reason = Reason.AMBIGUOUS

    def _weigh(self, document: Document, doubted: Iterable[Occurrence]) -> None:
        asked: dict[str, list[float]] = {}
        for one in doubted:
            surface = one.surface
            if surface.needs is not None or not self._is_doubtful(surface):
                continue
            answers = asked.setdefault(surface.text, [])
            if self._veto is None:
                one.confidence = UNASKED if surface.ambiguous else CERTAIN
            elif len(answers) >= MAX_ASKED:
                one.confidence = sum(answers) / len(answers)
            else:
                one.confidence = self._veto.confidence(*_asked(document, one))
                answers.append(one.confidence)

    def _is_doubtful(self, surface: Surface) -> bool:
        """Whether a surface is also a word: its author says so, or the veto knows. Found out once."""
        known = surface.doubtful
        if known is None:
            known = surface.doubtful = surface.owner is not None and (
                surface.ambiguous
                if surface.ambiguous is not None
                else self._veto is not None
                and surface.first == HANGUL
                and len(surface.text) == 2
                and self._veto.reading(surface.text) is Reading.BOTH
            )
        return known

    def _hits(
        self, document: Document, occurrences: Sequence[Occurrence], now_s: float | None = None
    ) -> tuple[Hit, ...]:
        scene = self._scene(document, occurrences)
        if not scene.counted and not scene.beyond:
            return ()
        return tuple(
            [
                Hit(fired, scene)
                for fired in self._index.fired(scene)
                if fired.expires_s is None or now_s is None or now_s < fired.expires_s
            ]
        )

    def _scene(self, document: Document, occurrences: Sequence[Occurrence]) -> Scene:
        counted: dict[int, list[Occurrence]] = {}
        beyond: dict[int, list[Occurrence]] = {}
        asked = self._index.beyond
        for one in occurrences:
            if one.reason is None:
                if not one.merged:
                    counted.setdefault(one.surface.term, []).append(one)
            elif asked and one.surface.term in asked and is_only_zoned_out(one):
                beyond.setdefault(one.surface.term, []).append(one)
        passed = {term: self._would_count(document, same, counted) for term, same in beyond.items()}
        return Scene(document, counted, {term: kept for term, kept in passed.items() if kept}, occurrences)

    def _would_count(self, document: Document, same: list[Occurrence], counted: Container[int]) -> list[Occurrence]:
        """Of the occurrences of one term in zones that do not count those that pass every other question."""
        same.sort(key=by_place)
        self._weigh(document, same)
        kept = []
        for one in same:
            surface = one.surface
            if _is_plain_word(document, one):
                continue
            if surface.needs is not None and not any(need in counted for need in surface.needs):
                continue
            if one.confidence >= self._min_confidence:
                kept.append(one)
        repeated = {id(one) for one in glosses(document.text, kept)}
        return [one for one in kept if id(one) not in repeated]


_Look: TypeAlias = "tuple[Surface, frozenset[str], frozenset[str], int, bool, _Look] | None"
"""A surface, the characters before and after it that decide at once, the bits of which a tail must have one, whether
josa and suffixes are all that may follow; and the next surface of the pattern. One object where there is one surface,
as nearly always: with a hundred thousand of them each step to another is one that no cache holds."""


def _looks(surfaces: Sequence[Surface]) -> _Look:
    look: _Look = None
    for one in reversed(surfaces):
        plain = not (one.titles or one.accept or one.free)
        look = (one, open_before(one), closed_after(one), one.need, plain, look)
    return look


def _asked(document: Document, one: Occurrence) -> tuple[str, int, int]:
    """What the second opinion is given, and where the occurrence stands in it.

    Marks and tags right around the name go ("제주"도, <b>대전</b>은), and the number of an item before it (2)여수):
    they hide from the analyser what follows.
    """
    begin, end = _context(document, one)
    left, name, right = (
        document.text[begin : one.start],
        document.text[one.start : one.end],
        document.text[one.end : end],
    )
    if left[-1:] in _MARKS and right[:1] in _MARKS:
        left, right = _TAGS.sub("", left), _TAGS.sub("", right)
        if left[-1:] in _MARKS and right[:1] in _MARKS:
            left, right = left[:-1], right[1:]
        if left[-1:] in _MARKS:
            left += " "
    elif left[-1:] in _ENUMERATOR_ENDS:
        left = _ENUMERATOR.sub("", left)
    return left + name + right, len(left), len(left) + len(name)


def _context(document: Document, one: Occurrence) -> tuple[int, int]:
    """Whole words around an occurrence, within its sentence: what the second opinion is given."""
    text = document.text
    begin, end = document.sentence_span(one.start)
    if one.start - begin > CONTEXT:
        space = text.find(" ", one.start - CONTEXT, one.start)
        begin = space + 1 if space >= 0 else one.start - CONTEXT
    if end - one.end > CONTEXT:
        space = text.rfind(" ", one.end, one.end + CONTEXT)
        end = space if space >= 0 else one.end + CONTEXT
    return begin, end


def _blocker(one: Occurrence, blockers: dict[int, Blockers]) -> tuple[int, int] | None:
    """What it lies inside of, of the `not_in` of its entity."""
    own = blockers.get(one.surface.term) if one.surface.blocked else None
    return own.holding(one.start, one.end) if own is not None else None


def _is_plain_word(document: Document, one: Occurrence) -> bool:
    """Whether an acronym (US, WHO) of any case stands as a word among other words in Latin letters: us, Who."""
    if not one.surface.acronym or one.surface.case is not None:
        return False
    view, start, end = document.span(one.start, one.end)
    if not view.given[start:end][1:].islower():
        return False
    text = document.text
    return (text[one.start - 2].isascii() and text[one.start - 2].isalpha()) or (
        text[one.end] == " " and text[one.end + 1 : one.end + 2].isascii() and text[one.end + 1 : one.end + 2].isalpha()
    )


def _settle_needs(by_term: dict[int, list[Occurrence]], pending: list[Occurrence]) -> None:
    """What needs evidence counts when any of it counts; evidence may itself need evidence, so until nothing changes."""
    for one in pending:
        one.reason = Reason.AMBIGUOUS
    changed = True
    while changed:
        changed = False
        present = {term for term, same in by_term.items() if any(one.reason is None for one in same)}
        waiting = [one for one in pending if one.reason is Reason.AMBIGUOUS]
        for one in waiting:
            assert one.surface.needs is not None
            if not present.isdisjoint(one.surface.needs):
                one.reason = None
                changed = changed or one.surface.term not in present
