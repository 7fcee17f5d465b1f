"""The engine: an article in, findings out.

The way of a candidate (docs/matching.md): found by the automaton; does it begin and end here (boundary)? does it stand
where the article itself speaks (zone, repetition)? is it inside a longer name that its entity excludes (not_in)? has
it the evidence it needs, and does the second opinion agree (sense)? `match` drops a candidate at the first No, cheapest
question first; `examine` asks all of them, so that each gets its first reason in the order of the contract.
"""

from collections.abc import Container, Sequence

from service.ingest.reading import Document
from service.matching.candidates import Candidates
from service.matching.compile import Compiler
from service.matching.evaluate import Node
from service.matching.expression import Expression
from service.matching.findings import Findings, Hit
from service.matching.index import RuleIndex
from service.matching.lexicon import compile_lexicon
from service.matching.occurrence import Occurrence
from service.matching.overlaps import glosses, merge
from service.matching.ruleset import RuleSet
from service.matching.scene import EVERYWHERE, Scene, Where, by_place, is_only_zoned_out, same_case
from service.matching.second_opinion import SecondOpinion
from service.matching.sense import Veto
from service.model.article import Article
from service.model.mention import Reason

NOT_A_NAME = 0.2


class Engine:
    """Compiled rules. Made once for a rule set; `match` and `examine` keep no state and may be called from threads."""

    def __init__(self, ruleset: RuleSet, *, min_confidence: float = 0.5, veto: Veto | None = None) -> None:
        self.ruleset = ruleset
        self._lexicon = compile_lexicon(ruleset)
        self._index = RuleIndex(ruleset.rules, self._lexicon)
        self._entities = len(ruleset.entities)
        self._min_confidence = min_confidence
        self._candidates = Candidates(self._lexicon)
        self.veto = veto
        self._second = SecondOpinion(veto, min_confidence)

    def match(self, article: Article, now_s: float | None = None) -> Findings:
        """The rules that fire: the fast path. Mentions and suppressed are worked out only if asked for.

        `now_s` (seconds since the epoch) is the time of the article: rules that expired before it do not fire. Without
        it all rules are in force.
        """
        return self.match_in(Document(article), now_s)

    def match_in(self, document: Document, now_s: float | None = None) -> Findings:
        """`match` of an article that is read already."""
        occurrences, woken = self._relevant(self._candidates.likely(document.text))
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
        occurrences = self._candidates.every(document)
        self._decide(document, occurrences)
        return document, occurrences

    def node(self, expression: Expression, where: Where = EVERYWHERE) -> Node:
        """A part of a rule of this set, ready to be asked about a scene."""
        return Compiler(self._lexicon).node(expression, where)

    def warm_up(self) -> None:
        """Ask now which surfaces are words too, and not when the first article names one. Takes 0.2 ms a surface."""
        for pattern in self._lexicon.patterns:
            for surface in pattern.surfaces:
                self._second.is_doubtful(surface)

    def term_name(self, term: int) -> str:
        """How an author would write a term."""
        if term < self._entities:
            return f"@{self._lexicon.entities[term].id}"
        return str(self._lexicon.words[term - self._entities])

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
                    self._second.ask(document, same)
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
        self._second.weigh(document, same)
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
