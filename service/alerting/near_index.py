"""Finds the articles that a new one may be a copy of, without comparing it with all.

A copy shares a sentence of the beginning, or a band of the signature; a sentence that the articles of many stories
have is boilerplate and names nobody.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from service.alerting.near import MIN_LETTERS, likeness
from service.alerting.story_entry import Entry
from service.alerting.story_postings import Postings
from service.model.sketch import Sketch, unpack, weight

INDEXED_SENTENCES = 8
"""The first ones are looked up by: a cut copy has them, and so do four fifths of an article."""
MIN_SENTENCE = 12
"""Letters; shorter sentences are everybody's."""
LOOKED_AT = 16
"""Articles with a sentence, the latest: enough to know boilerplate, and so that a storm of copies costs no more."""
COMMON_STORIES = 5
"""A sentence of so many stories among those is boilerplate."""
COMPARED = 8
"""Articles that are compared with a new one, those with most in common first, until one is like enough."""
ENOUGH = 0.9


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest article."""

    entry: Entry
    likeness: float


class NearIndex:
    """Articles by sentence and band."""

    def __init__(self) -> None:
        self._sentences: Postings[int, Entry] = Postings()
        self._bands: Postings[int, Entry] = Postings()

    def add(self, entry: Entry, sketch: Sketch | None = None) -> None:
        """Put it last. Too short articles are not in it. `sketch`: its own, if it is at hand."""
        for postings, key in self._keys(entry, sketch):
            postings.add(key, entry)

    def remove(self, entry: Entry) -> None:
        """Take it out."""
        for postings, key in self._keys(entry):
            postings.remove(key, entry)

    def _keys(self, entry: Entry, sketch: Sketch | None = None) -> list[tuple[Postings[int, Entry], int]]:
        if not entry.sketch:
            return []
        sketch = sketch or unpack(entry.sketch)
        if sketch.letters < MIN_LETTERS:
            return []
        found = [(self._sentences, token) for token in _looked_up_by(sketch)]
        return found + [(self._bands, key) for key in _bands(sketch)]

    def nearest(
        self, sketch: Sketch, is_alive: Callable[[Entry], bool], more: Callable[[Entry], Entry]
    ) -> Found | None:
        """The article that is most like a body, or the first that is like enough.

        `more` names, for an article, another of its story to compare with as well: the fullest.
        """
        if sketch.letters < MIN_LETTERS:
            return None
        candidates, common = self._candidates(sketch, is_alive)
        compared: set[bytes] = set()
        best: Found | None = None
        for candidate, _ in candidates.most_common(COMPARED):
            for entry in (candidate, more(candidate)):
                if entry.sketch in compared or not is_alive(entry):
                    continue
                compared.add(entry.sketch)
                found = likeness(sketch, unpack(entry.sketch), common)
                if found and (best is None or (found, entry.offset) > (best.likeness, best.entry.offset)):
                    best = Found(entry, found)
                    if found >= ENOUGH:
                        return best
        return best

    def _candidates(self, sketch: Sketch, is_alive: Callable[[Entry], bool]) -> tuple[Counter[Entry], Collection[int]]:
        """Articles with the letters that they are known to share, and the sentences that are boilerplate."""
        shared: Counter[Entry] = Counter()
        common: set[int] = set()
        for token in sketch.sentences:
            entries = self._sentences.latest(token, LOOKED_AT)
            if not entries:
                continue
            if len(entries) > 1:
                entries = tuple([entry for entry in entries if is_alive(entry)])
                if len(entries) >= COMMON_STORIES and len({entry.story for entry in entries}) >= COMMON_STORIES:
                    common.add(token)
                    continue
            letters = weight(token)
            for entry in entries:
                shared[entry] += letters
        for key in _bands(sketch):
            for entry in self._bands.latest(key, COMPARED):
                shared[entry] += 1
        return shared, common


def _looked_up_by(sketch: Sketch) -> list[int]:
    return [token for token in sketch.sentences if weight(token) >= MIN_SENTENCE][:INDEXED_SENTENCES]


def _bands(sketch: Sketch) -> list[int]:
    """As one number each: the band's place below its hash."""
    return [band << 4 | place for place, band in enumerate(sketch.bands)]
