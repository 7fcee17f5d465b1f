"""Who may be called next: a lane a subscription, each with its own cap, served in turn.

One pool of slots for all lets an endpoint that never answers take every slot; here it can only fill its own lane. What
waits too long, or does not fit, is handed back: the dispatcher spills it to a retry tier and the partition moves on.
Lanes of one host share a cap as well.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

J = TypeVar("J")


class _Lane(Generic[J]):
    __slots__ = ("busy", "host", "waiting")

    def __init__(self, host: str) -> None:
        self.host = host
        self.waiting: deque[tuple[float, J]] = deque()
        self.busy = 0


class Lanes(Generic[J]):
    """Fair between keys; order within a key is kept, but for those that are offered as `first`."""

    def __init__(self, *, slots: int, slots_of: Callable[[str], int], slots_per_host: int, room_per_key: int) -> None:
        """Caps: in flight altogether, in flight of a key (asked each time), of a host, waiting of one key.

        Where `slots_of` had said too little and says more now, call `wake`.
        """
        self._slots = slots
        self._slots_of = slots_of
        self._slots_per_host = slots_per_host
        self.room_per_key = room_per_key
        """May be changed at any time; what waits already stays."""
        self._lanes: dict[str, _Lane[J]] = {}
        self._turn: OrderedDict[str, None] = OrderedDict()
        """Keys that have something waiting and may have a free slot, next first."""
        self._busy_hosts: dict[str, int] = {}
        self._full_hosts: dict[str, dict[str, None]] = {}
        """Keys that wait for a slot of their host."""
        self.busy = 0
        self.waiting = 0

    def offer(  # noqa: PLR0913 - each is a separate fact
        self, key: str, job: J, now: float, *, host: str = "", room: int | None = None, first: bool = False
    ) -> bool:
        """Let `job` wait for its turn; False when its lane has no room (or less than `room`).

        `first`: before all that wait already.
        """
        if self.waiting_of(key) >= (self.room_per_key if room is None else min(room, self.room_per_key)):
            return False
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(host)
        if first and lane.waiting:
            lane.waiting.appendleft((lane.waiting[0][0], job))  # times only grow within a lane
        else:
            lane.waiting.append((now, job))
        self.waiting += 1
        self._turn.setdefault(key)
        return True

    def take(self) -> J | None:
        """The next job that may be sent now; its slot is taken until `finished`."""
        while self.busy < self._slots and self._turn:
            key, _ = self._turn.popitem(last=False)
            lane = self._lanes[key]
            if self._busy_hosts.get(lane.host, 0) >= self._slots_per_host:
                self._full_hosts.setdefault(lane.host, {})[key] = None
                continue
            if lane.busy >= self._slots_of(key):
                self._wake_next_of(lane.host)  # the slot of the host is for another
                continue  # `finished` or `wake` brings it back
            _, job = lane.waiting.popleft()
            self.waiting -= 1
            lane.busy += 1
            self.busy += 1
            self._busy_hosts[lane.host] = self._busy_hosts.get(lane.host, 0) + 1
            if lane.waiting:
                self._turn[key] = None  # at the end: the others come first
            return job
        return None

    def finished(self, key: str) -> None:
        """A job of `key` that `take` gave is done."""
        lane = self._lanes[key]
        lane.busy -= 1
        self.busy -= 1
        self._busy_hosts[lane.host] -= 1
        if not self._busy_hosts[lane.host]:
            del self._busy_hosts[lane.host]
        self._wake_next_of(lane.host)
        if lane.waiting:
            self._turn.setdefault(key)
        elif not lane.busy:
            del self._lanes[key]

    def wake(self, key: str) -> None:
        """A slot of `key` may be free that was not."""
        lane = self._lanes.get(key)
        if lane is not None and lane.waiting:
            self._turn.setdefault(key)

    def _wake_next_of(self, host: str) -> None:
        """One slot of a host is free: one key that waits for it comes in turn, and not all that do."""
        keys = self._full_hosts.get(host)
        while keys:
            key = next(iter(keys))
            del keys[key]
            lane = self._lanes.get(key)
            if lane is not None and lane.waiting:
                self._turn.setdefault(key)
                break
        if not keys:
            self._full_hosts.pop(host, None)

    def stalled(self) -> list[str]:
        """Keys that have something waiting and are not in turn."""
        return [key for key, lane in self._lanes.items() if lane.waiting and key not in self._turn]

    def head(self, key: str) -> J | None:
        """The next of a lane; None when nothing waits in it."""
        lane = self._lanes.get(key)
        return lane.waiting[0][1] if lane is not None and lane.waiting else None

    def busy_of(self, key: str) -> int:
        """How many of a lane are under way."""
        lane = self._lanes.get(key)
        return 0 if lane is None else lane.busy

    def waiting_of(self, key: str) -> int:
        """How many wait in the lane of `key`."""
        lane = self._lanes.get(key)
        return 0 if lane is None else len(lane.waiting)

    def surplus(self, key: str, keep: int) -> list[J]:
        """Take out what waits beyond the first `keep` of a lane."""
        lane = self._lanes.get(key)
        taken: list[J] = []
        while lane is not None and len(lane.waiting) > keep:
            taken.append(lane.waiting.pop()[1])
        self.waiting -= len(taken)
        return taken[::-1]

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
                if key in self._turn:
                    del self._turn[key]
                    self._wake_next_of(lane.host)  # the slot that it was to have
                if not lane.busy:
                    del self._lanes[key]
