"""How fast one endpoint is called: a cap of its own, less when it asks for peace, a ramp after it came back.

Additive increase, multiplicative decrease, as TCP does it: 429, 503 and timeouts halve the rate (once a second: a burst
of them is one message), each second of successes adds a little, and from a rate that it never asked to lower nothing
is held back. After an outage the rate starts small and doubles every second: what piled up must not be its second end.
"""

from dataclasses import dataclass, field
from math import inf

SLOWEST_PER_S = 1.0
FREE_PER_S = 1000.0
"""A rate that has grown to this is no limit any more."""
ADDED_PER_S = 5.0
"""What a second of successes adds after a decrease."""
RAMP_START_PER_S = 20.0
PEACE_CAP_S = 60.0
"""Retry-After holds the whole endpoint back for so long at most; the delivery itself waits as long as it says."""
BURST_S = 0.1
"""Of unused rate that may be caught up on."""
FIRST_SLOTS = 4


@dataclass(slots=True)
class Rate:
    """A token bucket whose rate adapts. Times are seconds of one clock."""

    cap_per_s: float = inf
    per_s: float = inf
    _tokens: float = 1.0
    _at: float = 0.0
    _peace_until: float = 0.0
    _lowered_at: float = -inf
    _ramping: bool = False
    _second: float = -inf
    _counts: list[int] = field(default_factory=lambda: [0, 0])
    """POSTs of the second that runs, and of the one before."""

    @property
    def limit_per_s(self) -> float:
        """The rate in force; inf: none."""
        return min(self.per_s, self.cap_per_s)

    def wait_s(self, now: float) -> float:
        """Seconds until the next POST may go out; 0: now."""
        if now < self._peace_until:
            return self._peace_until - now
        if self.per_s == inf == self.cap_per_s:
            return 0.0
        limit = self.limit_per_s
        self._refill(now, limit)
        return 0.0 if self._tokens >= 1.0 else (1.0 - self._tokens) / limit

    def started(self, now: float) -> None:
        """A POST goes out."""
        limit = self.limit_per_s
        if limit != inf:
            self._refill(now, limit)
            self._tokens = max(0.0, self._tokens - 1.0)
        if now - self._second >= 1.0:
            self._counts = [0, self._counts[0] if now - self._second < 2.0 else 0]
            self._second = now
        self._counts[0] += 1

    def succeeded(self) -> None:
        """One was accepted: a little more from now on."""
        if self.per_s == inf:
            return
        self.per_s += 1.0 if self._ramping else ADDED_PER_S / self.per_s
        if self.per_s >= FREE_PER_S:
            self.per_s, self._ramping = inf, False

    def throttled(self, now: float, retry_after_s: float | None = None) -> None:
        """It asked for peace, or could not keep up."""
        if retry_after_s is not None:
            self._peace_until = max(self._peace_until, now + min(retry_after_s, PEACE_CAP_S))
        if now - self._lowered_at < 1.0:
            return
        self._lowered_at, self._ramping = now, False
        self._set(min(self.limit_per_s, float(max(self._counts))) / 2, now)

    def ramp(self, now: float) -> None:
        """It is back after an outage."""
        self._ramping = True
        self._set(RAMP_START_PER_S, now)

    def _set(self, per_s: float, now: float) -> None:
        self.per_s = max(SLOWEST_PER_S, per_s)
        self._tokens, self._at = min(self._tokens, 1.0), now

    def _refill(self, now: float, limit: float) -> None:
        self._tokens = min(max(1.0, limit * BURST_S), self._tokens + max(0.0, now - self._at) * limit)
        self._at = now


@dataclass(slots=True)
class Slots:
    """How many POSTs may be under way: few until it has answered, so that many dead endpoints cannot take them all."""

    cap: int
    now: int = 0

    def __post_init__(self) -> None:
        self.now = min(FIRST_SLOTS, self.cap)

    def succeeded(self) -> None:
        """One more."""
        self.now = min(self.now + 1, self.cap)

    def timed_out(self) -> None:
        """Half as many."""
        self.now = max(1, self.now // 2)
