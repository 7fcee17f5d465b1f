"""The second opinion: is what was found the name here, or the word that is written alike?

Asked only where a surface is a word too, about a few occurrences of an article, and with no more than the words around
(docs/matching.md).
"""

import re
from collections.abc import Iterable

from service.ingest.reading import Document
from service.matching.hangul import HANGUL
from service.matching.lexicon import Surface
from service.matching.occurrence import Occurrence
from service.matching.sense import CERTAIN, UNASKED, Reading, Veto
from service.model.mention import Reason

CONTEXT = 16
"""Characters on either side, within the sentence, that the second opinion is given."""
MAX_ASKED = 8
"""Occurrences of one surface in one article that are asked about; the rest get the mean of these."""
_ENUMERATOR_ENDS = frozenset(").")
_MARKS = frozenset("\"'<>[]「」『』《》〈〉")
_TAGS = re.compile("<[^<>]{0,40}>")
_ENUMERATOR = re.compile(r"(?:^|(?<= ))\(?(?:\d{1,2}|[가나다라마바사아자차카타파하])[).]$")


class SecondOpinion:
    """Asks the veto where there is one. What it learns of a surface stands at the surface."""

    def __init__(self, veto: Veto | None, min_confidence: float) -> None:
        self._veto = veto
        self._min_confidence = min_confidence

    def ask(self, document: Document, same: Iterable[Occurrence]) -> None:
        """The second opinion about the occurrences of one term that stand so far."""
        self.weigh(document, (one for one in same if one.reason is None))
        for one in same:
            if one.reason is None and one.confidence < self._min_confidence:
                one.reason = Reason.AMBIGUOUS

    def weigh(self, document: Document, doubted: Iterable[Occurrence]) -> None:
        """Give each the confidence that it is the name; what needs evidence is not doubted."""
        asked: dict[str, list[float]] = {}
        for one in doubted:
            surface = one.surface
            if surface.needs is not None or not self.is_doubtful(surface):
                continue
            answers = asked.setdefault(surface.text, [])
            if self._veto is None:
                one.confidence = UNASKED if surface.ambiguous else CERTAIN
            elif len(answers) >= MAX_ASKED:
                one.confidence = sum(answers) / len(answers)
            else:
                one.confidence = self._veto.confidence(*_asked(document, one))
                answers.append(one.confidence)

    def is_doubtful(self, surface: Surface) -> bool:
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
