"""What was found in an article: the rules that fire, and on request every mention and what does not count."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from service.ingest.metadata import Metadata, read_metadata
from service.ingest.reading import Document
from service.ingest.sketch import sketch
from service.matching.index import CompiledRule
from service.matching.occurrence import Occurrence
from service.matching.scene import Scene, by_place
from service.model.article import Article
from service.model.mention import Mention, Reason

_WORD = re.compile(r"[^\W_]+")
MAX_EOJEOL = 60
"""Characters looked at on either side for the eojeol; a word without end is cut there."""


def _by_place(one: Occurrence) -> tuple[int, int]:
    return one.start, one.end


class Hit:
    """A rule that fires, with the mentions that made it true (worked out when asked for)."""

    __slots__ = ("_fired", "_occurrences", "_scene", "rule")

    def __init__(self, fired: CompiledRule, scene: Scene) -> None:
        self.rule = fired.rule
        self._fired = fired
        self._scene = scene
        self._occurrences: list[Occurrence] | None = None

    @property
    def occurrences(self) -> list[Occurrence]:
        """Of the terms that made it true, in order of the article."""
        found = self._occurrences
        if found is None:
            found = self._fired.evidence(self._scene)
            if len(found) > 1:
                found.sort(key=_by_place)
            self._occurrences = found
        return found

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """In order of the article. What a zone prefix found has no reason here: for this rule it counts."""
        document = self._scene.document
        found = [mention_of(document, one) for one in self.occurrences]
        return tuple([one if one.reason is None else one._replace(reason=None) for one in found])


class Findings:
    """Answer of the engine for one article. What costs and may not be needed is worked out when asked for."""

    def __init__(  # noqa: PLR0913 - what was found, and what it took
        self,
        document: Document,
        hits: tuple[Hit, ...],
        occurrences: Sequence[Occurrence] | None,
        terms: int,
        examine: Callable[[], "Findings"] | None = None,
        *,
        woken: int = 0,
        passed_over: Sequence[Reason] = (),
    ) -> None:
        self._document = document
        self.woken = woken
        """Rules that were asked, because a name that they wait for was found."""
        self.passed_over = passed_over
        """Why names that such rules wait for do not count, each occurrence once."""
        self.hits = hits
        self._terms = terms
        self._examine = examine
        self._occurrences = occurrences

    @property
    def article(self) -> Article:
        """The article that was read."""
        return self._document.article

    @property
    def title(self) -> str:
        """The title as people read it: given, or out of the HTML."""
        return self._document.title

    @cached_property
    def metadata(self) -> Metadata:
        """Press, author, place and time as the text says them; None where it does not."""
        return read_metadata(self._document)

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """Every mention that counts, whether or not a rule fired, in order."""
        return self._both[0]

    @property
    def suppressed(self) -> tuple[Mention, ...]:
        """Every other occurrence of a surface, with its first reason, in order."""
        return self._both[1]

    @cached_property
    def _both(self) -> tuple[tuple[Mention, ...], tuple[Mention, ...]]:
        if self._occurrences is None:
            assert self._examine is not None
            whole = self._examine()
            return whole.mentions, whole.suppressed
        document = self._document
        shown = [one for one in self._occurrences if one.surface.term < self._terms and not one.merged]
        shown.sort(key=by_place)
        return (
            tuple([mention_of(document, one) for one in shown if one.reason is None]),
            tuple([mention_of(document, one) for one in shown if one.reason is not None]),
        )

    @property
    def content_hash(self) -> str:
        """Of the title and the cleaned text: two versions with the same say the same."""
        return self._document.content_hash

    @property
    def fingerprint(self) -> str:
        """Of the cleaned body alone: the same in copies under other headlines."""
        return self._document.fingerprint

    @property
    def cleaned(self) -> str:
        """The body without chrome and repetitions, normalised; a paragraph a line."""
        return self._document.cleaned

    @cached_property
    def sketch(self) -> str:
        """What copies of the body are recognised by where the text does not travel."""
        return sketch(self.cleaned).encode()

    def sentence(self, mention: Mention) -> str:
        """The sentence that a mention stands in, as given."""
        return self._document.sentence(self._document.position(mention.field, mention.start))

    def evidence(self, one: Occurrence) -> dict[str, Any]:
        """An occurrence with its sentence, as model/records.py has it (`Evidence`)."""
        document = self._document
        mention = mention_of(document, one)
        out: dict[str, Any] = {} if mention.entity is None else {"entity": mention.entity}
        out["surface"] = mention.surface
        out["text"] = mention.text
        out["sentence"] = document.sentence(one.start)
        out["zone"] = mention.zone
        out["field"] = mention.field
        out["start"] = mention.start
        out["end"] = mention.end
        out["confidence"] = mention.confidence
        if mention.via is not None:
            out["via"] = mention.via
        return out


def mention_of(document: Document, one: Occurrence) -> Mention:
    """The occurrence as others see it: offsets into the field as given."""
    if one.mention is not None:
        return one.mention
    text = document.text
    begin, end = one.start, one.end
    while begin > 0 and one.start - begin < MAX_EOJEOL and text[begin - 1].isalnum():
        begin -= 1
    found = _WORD.match(text, end, end + MAX_EOJEOL)
    view, start, finish = document.span(one.start, end)
    if begin == one.start and found is None:
        word_start, word_end = start, finish
    else:
        _, word_start, word_end = document.span(begin, found.end() if found else end)
    surface = one.surface
    one.mention = Mention(
        surface.owner,
        surface.shown,
        view.given[word_start:word_end],
        view.field,
        document.zone_at(one.start),
        start,
        finish,
        one.confidence,
        one.via,
        one.reason,
    )
    return one.mention
