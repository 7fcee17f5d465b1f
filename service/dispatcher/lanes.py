"""Who may be called next: a lane a subscription, each with its own cap, served in turn.

One pool of slots for all lets an endpoint that never answers take every slot; here it can only fill its own lane. What
waits too long, or does not fit, is handed back: the dispatcher spills it to a retry tier and the partition moves on.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

J = TypeVar("J")


class _Lane(Generic[J]):
    __slots__ = ("busy", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[float, J]] = deque()
        self.busy = 0


class Lanes(Generic[J]):
    """Fair between keys; order within a key is kept."""

    def __init__(self, *, slots: int, slots_per_key: int, room_per_key: int) -> None:
        """Caps: in flight altogether, in flight of one key, waiting of one key."""
        self._slots = slots
        self._slots_per_key = slots_per_key
        self.room_per_key = room_per_key
        """May be changed at any time; what waits already stays."""
        self._lanes: dict[str, _Lane[J]] = {}
        self._turn: OrderedDict[str, None] = OrderedDict()
        """Keys that have something waiting and a free slot, next first."""
        self.busy = 0
        self.waiting = 0

    def offer(self, key: str, job: J, now: float) -> bool:
        """Let `job` wait for its turn; False when its lane has no room."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
        if len(lane.waiting) >= self.room_per_key:
            return False
        lane.waiting.append((now, job))
        self.waiting += 1
        if lane.busy < self._slots_per_key:
            self._turn[key] = None
        return True

    def take(self) -> J | None:
        """The next job that may be sent now; its slot is taken until `finished`."""
        if self.busy >= self._slots or not self._turn:
            return None
        key, _ = self._turn.popitem(last=False)
        lane = self._lanes[key]
        _, job = lane.waiting.popleft()
        self.waiting -= 1
        lane.busy += 1
        self.busy += 1
        if lane.waiting and lane.busy < self._slots_per_key:
            self._turn[key] = None  # at the end: the others come first
        return job

    def finished(self, key: str) -> None:
        """A job of `key` that `take` gave is done."""
        lane = self._lanes[key]
        lane.busy -= 1
        self.busy -= 1
        if lane.waiting:
            self._turn[key] = None
        elif not lane.busy:
            del self._lanes[key]

    def overdue(self, since: float) -> list[J]:
        """Take out what has waited from `since` or longer."""
        return list(self._take_out(lambda at, _: at <= since, prefix=True))

    def remove(self, unwanted: Callable[[J], bool]) -> list[J]:
        """Take out what waits and is `unwanted`."""
        return list(self._take_out(lambda _, job: unwanted(job), prefix=False))

    def _take_out(self, wanted: Callable[[float, J], bool], *, prefix: bool) -> Iterator[J]:
        for key in [key for key, lane in self._lanes.items() if lane.waiting]:
            lane = self._lanes[key]
            if prefix and not wanted(*lane.waiting[0]):
                continue  # times only grow within a lane
            kept = deque(entry for entry in lane.waiting if not wanted(*entry))
            yield from (job for at, job in lane.waiting if wanted(at, job))
            self.waiting -= len(lane.waiting) - len(kept)
            lane.waiting = kept
            if not kept:
                self._turn.pop(key, None)
                if not lane.busy:
                    del self._lanes[key]
