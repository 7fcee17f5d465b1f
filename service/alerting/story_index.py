"""The articles of one edition in memory: by key, by story, and by each step of the ladder.

All of it follows from the table's items in the order of their offsets, so that a rebuilt index answers like the one
that was lost. What is too old is passed over before it is deleted: when a deletion happens changes no answer.
"""

from collections.abc import Callable
from dataclasses import dataclass

from service.alerting.headline import Headline, is_next
from service.alerting.near_index import NearIndex
from service.alerting.story_entry import Entry, Told, hashed
from service.alerting.story_members import Story
from service.alerting.story_postings import Postings
from service.model.sketch import Sketch

CHAIN_MS = 6 * 3_600_000
"""Versions of a story follow one another within hours; the same headline tomorrow is tomorrow's story."""
CHAIN_LOOKED_AT = 48
"""Headlines of a press or agency, the latest."""
LOOKED_AT = 4
MIN_BODY_LETTERS = 30
"""Letters (some 40 characters with spaces) of a body that says enough to be equal by more than chance."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A member of the story that an article belongs to, and the step of the ladder that says so."""

    entry: Entry
    by: str


class StoryIndex:
    """Articles and stories of one edition."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self.entries: dict[bytes, Entry] = {}
        self.stories: dict[str, Story] = {}
        self._urls: Postings[int, Entry] = Postings()
        self._bodies: Postings[int, Entry] = Postings()
        self._names: Postings[str, Entry] = Postings()
        self._near = NearIndex()

    def add(self, key: bytes, told: Told, sketch: Sketch | None = None) -> None:
        """Index an article in its present version, last of all. `sketch`: that of `told`, if it is at hand."""
        self.drop(key)
        entry = Entry(key, told)
        self.entries[key] = entry
        if entry.story is None:
            return
        story = self.stories.get(entry.story)
        if story is None:
            story = self.stories[entry.story] = Story(entry.story, told.lead)
        story.add(entry, told.copies, told.sources)
        if entry.url is not None:
            self._urls.add(entry.url, entry)
        if entry.body is not None:
            self._bodies.add(entry.body, entry)
        for name in entry.names:
            self._names.add(name, entry)
        self._near.add(entry, sketch)

    def drop(self, key: bytes) -> None:
        """Forget an article, and its story with the last of them."""
        entry = self.entries.pop(key, None)
        if entry is None or entry.story is None:
            return
        story = self.stories[entry.story]
        story.remove(entry)
        if not len(story):
            del self.stories[entry.story]
        if entry.url is not None:
            self._urls.remove(entry.url, entry)
        if entry.body is not None:
            self._bodies.remove(entry.body, entry)
        for name in entry.names:
            self._names.remove(name, entry)
        self._near.remove(entry)

    def join(self, told: Told, sketch: Sketch | None, now_ms: int) -> Joined | None:
        """The first step of the ladder that fits an article that is new."""
        since_ms = self.oldest_ms(now_ms)

        def is_alive(entry: Entry) -> bool:
            return entry.ms >= since_ms

        if told.url is not None and (entry := _first(self._urls, hashed(told.url), is_alive)):
            return Joined(entry, "url")
        if told.fingerprint is not None and (entry := _first(self._bodies, hashed(told.fingerprint), is_alive)):
            return Joined(entry, "body")
        if sketch is not None and (found := self._near.nearest(sketch, is_alive, self._fullest_of)):
            return Joined(found.entry, "near_duplicate")
        names = tuple(name for name in (told.article.source, told.agency) if name)
        earlier = self._earlier(told.title, names, now_ms)
        return None if earlier is None else Joined(earlier, "version_chain")

    def oldest_ms(self, now_ms: int) -> int:
        """Articles that came before it are as good as forgotten."""
        return now_ms - self._window_ms

    def _fullest_of(self, entry: Entry) -> Entry:
        assert entry.story is not None  # what was published long before it came is not in the index of copies
        return self.stories[entry.story].fullest

    def _earlier(self, title: Headline, names: tuple[str, ...], now_ms: int) -> Entry | None:
        """The version before, of the same press or agency: one whose words are equal first, then the latest."""
        similar: Entry | None = None
        for name in dict.fromkeys(names):
            for entry in self._names.latest(name, CHAIN_LOOKED_AT):
                if abs(now_ms - entry.ms) > CHAIN_MS:
                    break
                if is_next(entry.headline, title):
                    if entry.headline.letters == title.letters:
                        return entry
                    similar = similar or entry
        return similar


def _first(postings: Postings[int, Entry], key: int, is_alive: Callable[[Entry], bool]) -> Entry | None:
    return next((entry for entry in postings.latest(key, LOOKED_AT) if is_alive(entry)), None)
