"""A circuit breaker for one endpoint: after failures in a row only probes go out, until one is answered.

    closed --`after` failures in a row--> open --its pause is over--> half open: one probe
      ^                                    ^                                |
      |                                    +---it fails, the pause doubles--+
      +-----------------------------------------------------it is accepted--+

What does not go out meanwhile rests in a retry tier and no attempt is counted, so an endpoint that is down for an hour
costs a POST every few seconds and its deliveries keep their schedules.
"""

from dataclasses import dataclass


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
    _probing: bool = False

    @property
    def is_open(self) -> bool:
        """Only probes go out."""
        return self._until is not None

    @property
    def probing(self) -> bool:
        """A probe is under way: nothing else may go out before it is answered."""
        return self._probing

    def wait_s(self, now: float) -> float:
        """Seconds until something may go out; 0: now. While a probe is under way: `longest_s`."""
        if self._until is None:
            return 0.0
        return self.longest_s if self._probing else max(0.0, self._until - now)

    def started(self) -> bool:
        """A POST goes out; True when it is the probe."""
        if self._until is None:
            return False
        self._probing = True
        return True

    def abandoned(self, *, probe: bool) -> None:
        """A POST ended without an answer that says anything."""
        if probe:
            self._probing = False

    def succeeded(self) -> bool:
        """A POST was accepted; True when that closed the breaker."""
        was_open = self._until is not None
        self.failures, self._until, self._probing, self._pause_s = 0, None, False, 0.0
        return was_open

    def failed(self, now: float, *, probe: bool) -> None:
        """A POST failed. Those that were under way when it opened say nothing new."""
        self.failures += 1
        if probe:
            self._open(now, min(self._pause_s * 2 or self.first_s, self.longest_s))
        elif self._until is None and self.after and self.failures >= self.after:
            self._open(now, min(self.first_s, self.longest_s))

    def trip(self, now: float, pause_s: float) -> None:
        """Open it for `pause_s`: the endpoint said something that one probe has to confirm."""
        self._open(now, pause_s)

    def _open(self, now: float, pause_s: float) -> None:
        self._pause_s, self._until, self._probing = pause_s, now + pause_s, False
