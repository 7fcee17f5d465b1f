"""A story as the sum of its articles that are remembered: nothing of it is kept that they do not say."""

from service.alerting.story_entry import Entry


class Story:
    """One story. `copies` and `sources` are those of the member that was told of last."""

    __slots__ = ("_fullest", "_members", "_names", "copies", "id", "lead", "sources")

    def __init__(self, story: str, lead: str) -> None:
        self.id = story
        self.lead = lead
        self.copies = 0
        self.sources = 0
        self._members: dict[Entry, None] = {}
        self._names: dict[str, list[int]] | None = None
        """Press names, each with the times of its members; None while there is one member."""
        self._fullest: Entry | None = None

    def __len__(self) -> int:
        return len(self._members)

    def add(self, entry: Entry, copies: int, sources: int) -> None:
        """A member, the last one."""
        self.copies, self.sources = copies, sources
        self._members[entry] = None
        if self._names is not None:
            self._names.setdefault(entry.source, []).append(entry.ms)
        elif len(self._members) > 1:
            self._names = {}
            for member in self._members:
                self._names.setdefault(member.source, []).append(member.ms)
        if self._fullest is None or len(entry.sketch) >= len(self._fullest.sketch):
            self._fullest = entry

    def remove(self, entry: Entry) -> None:
        """No member any more: forgotten, or about to be added anew."""
        del self._members[entry]
        if self._names is not None:
            self._names[entry.source].remove(entry.ms)
        if self._fullest is entry:
            self._fullest = None

    def knows(self, source: str, since_ms: int) -> bool:
        """Whether a member that came since then is of that press."""
        if self._names is not None:
            return max(self._names.get(source) or [since_ms - 1]) >= since_ms
        return any(member.source == source and member.ms >= since_ms for member in self._members)

    @property
    def fullest(self) -> Entry:
        """The member that says most, of equal ones the last."""
        if self._fullest is None:
            for member in self._members:
                if self._fullest is None or len(member.sketch) >= len(self._fullest.sketch):
                    self._fullest = member
        assert self._fullest is not None  # a story without members is gone
        return self._fullest
