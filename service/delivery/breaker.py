"""A circuit breaker for one endpoint: after failures in a row only probes go out, until one is answered.

    closed --`after` failures in a row--> open --its pause is over--> half open: a few probes at once
      ^                                    ^                                |
      |                                    +---all fail, the pause doubles--+
      +--------------------------------------------------one is answered----+

What does not go out meanwhile rests in a retry tier and no attempt is counted, so an endpoint that is down for an hour
costs a few POSTs every few seconds and its deliveries keep their schedules.

Two kinds of endpoint are not down and must not be treated as if they were. One that refuses some payloads (4xx) is
there: the caller says `answered`, which closes the breaker like a success. One that fails the first attempt of
everything and takes the second accepts as much as it fails: so the more it accepted lately, the more failures in a row
it takes, there are several probes, and a retry that is due need not wait for the end of a long pause (`due`).
"""

from dataclasses import dataclass, field

PROBES = 3
"""At once, when half open."""
DUE_EVERY_S = 0.1
"""Between two rounds of probes that are retries whose time has come: they are few, their schedule is patience enough,
and held up here one round after the other they would all come late when the endpoint is well."""
LATELY_S = 10.0
MOST_TIMES = 10
"""What was accepted lately adds at most so many times `after` to the failures that open it."""


@dataclass(slots=True)
class Breaker:
    """All times are seconds of one clock that the caller chooses."""

    after: int
    """Failures in a row that open it; 0: it never opens."""
    first_s: float
    longest_s: float
    failures: int = 0
    """In a row."""
    _pause_s: float = 0.0
    _until: float | None = None
    _due_from: float = 0.0
    """A retry that is due may go out as a probe from then on, though the pause lasts."""
    _most: int = PROBES
    _begun: int = 0
    """Probes of this round: none is added for one that failed while another is still under way."""
    _probing: int = 0
    """Of these under way."""
    _lately: list[int] = field(default_factory=lambda: [0, 0])
    """Accepted in the span of LATELY_S that runs, and in the one before."""
    _span: float = float("-inf")

    @property
    def is_open(self) -> bool:
        """Only probes go out."""
        return self._until is not None

    def probes_left(self, now: float, *, due: bool = False) -> int:
        """How many probes more may go out now, of an open breaker. `due`: what would go is due by its own schedule."""
        if self.wait_s(now, due=due) > 0:
            return 0
        return max(0, self._most - self._begun)

    def wait_s(self, now: float, *, due: bool = False) -> float:
        """Seconds until something may go out; 0: now, though no more than `probes_left` when it is open."""
        if self._until is None:
            return 0.0
        return max(0.0, (min(self._due_from, self._until) if due else self._until) - now)

    def started(self) -> bool:
        """A POST goes out; True when it is a probe."""
        if self._until is None:
            return False
        self._begun += 1
        self._probing += 1
        return True

    def abandoned(self, *, probe: bool) -> None:
        """A POST ended without an answer that says anything."""
        if probe:
            self._begun = max(0, self._begun - 1)
            self._probing = max(0, self._probing - 1)

    def succeeded(self, now: float) -> bool:
        """A POST was accepted; True when that closed the breaker."""
        self._forget(now)
        self._lately[0] += 1
        return self.answered()

    def answered(self) -> bool:
        """It is there, whatever it thinks of what it was sent; True when that closed the breaker."""
        was_open = self._until is not None
        self.failures, self._until, self._pause_s = 0, None, 0.0
        self._begun = self._probing = 0
        return was_open

    def failed(self, now: float, *, probe: bool) -> None:
        """A POST failed. Those that were under way when it opened say nothing new."""
        self.failures += 1
        if probe:
            if self._until is None:
                return  # another probe closed it
            self._probing = max(0, self._probing - 1)
            if not self._probing:
                self._open(now, min(self._pause_s * 2 or self.first_s, self.longest_s))
        elif self._until is None and self.after and self.failures >= self._enough(now):
            self._open(now, min(self.first_s, self.longest_s))

    def trip(self, now: float, pause_s: float) -> None:
        """Open it for `pause_s`: the endpoint said something that one probe has to confirm."""
        self._open(now, pause_s)
        self._due_from, self._most = now + pause_s, 1

    def _open(self, now: float, pause_s: float) -> None:
        self._pause_s, self._until = pause_s, now + pause_s
        self._begun = self._probing = 0
        self._due_from, self._most = now + min(pause_s, DUE_EVERY_S), PROBES

    def _enough(self, now: float) -> int:
        self._forget(now)
        return self.after + min(sum(self._lately), MOST_TIMES * self.after)

    def _forget(self, now: float) -> None:
        if now - self._span >= LATELY_S:
            self._lately = [0, self._lately[0] if now - self._span < 2 * LATELY_S else 0]
            self._span = now
