"""Where things stand beside each other: words, sentences, paragraphs and zones of an article, by position.

Each is a sorted list of where its units begin, made in one pass when a rule first asks, so that asking for a place is a
binary search.
"""

import re
from bisect import bisect_right
from functools import cached_property

from service.ingest.reading import Document
from service.model.mention import Zone

_WORD = re.compile(r"\S+")
_STORY = (Zone.LEAD, Zone.BODY)
AT_HAND = 300
"""Characters in which words are counted where they stand; all words of an article cost more than ten such looks."""


class Positions:
    """Units of one article. Positions are into `Document.text`; units are numbered in order of the text."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def word(self, position: int) -> int:
        """Number of the word (white space aside) that holds `position`, or of the last one before it."""
        return bisect_right(self._words, position)

    def words_between(self, end: int, begin: int) -> int:
        """Of what ends just before `end` and what begins at `begin`, both words or parts of them; -1: of one word."""
        if begin - end <= AT_HAND:
            return len(self._document.text[end - 1 : begin + 1].split()) - 2
        return self.word(begin) - self.word(end - 1) - 1

    def sentence(self, position: int) -> int:
        """Number of the sentence that holds `position`."""
        return bisect_right(self._sentences, position)

    def paragraph(self, position: int) -> int:
        """Number of the paragraph that holds `position`; 0 is the title."""
        return bisect_right(self._lines, position)

    def block(self, position: int) -> int:
        """Number of the part of a paragraph that is one zone: its dateline, its words, its credit."""
        return bisect_right(self._blocks, position)

    @cached_property
    def body_begin(self) -> int:
        """Where the article's own words begin, after a dateline: the first paragraph that counts."""
        for line in self._document.zones.lines:
            if line.zone in _STORY and not line.duplicate:
                return line.head
        return self._document.body_start

    @cached_property
    def _words(self) -> list[int]:
        return [found.start() for found in _WORD.finditer(self._document.text)]

    @cached_property
    def _lines(self) -> list[int]:
        return [line.start for line in self._document.zones.lines]

    @cached_property
    def _blocks(self) -> list[int]:
        return [begin for begin, _ in self._pieces()]

    @cached_property
    def _sentences(self) -> list[int]:
        document = self._document
        out = list(document.sentence_ends(1, document.body_start - 1))
        for begin, end in self._pieces():
            out.append(begin)
            out.extend(document.sentence_ends(begin, end))
        return out

    def _pieces(self) -> list[tuple[int, int]]:
        """Dateline, words and credit of every line, as far as it has them."""
        return [
            (begin, end)
            for line in self._document.zones.lines
            for begin, end in ((line.start, line.head), (line.head, line.tail), (line.tail, line.end))
            if begin < end
        ]
