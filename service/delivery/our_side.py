"""Is it our own side that fails? Then no endpoint is charged with it, and everything is tried again soon.

Faults of this machine are known by their class. A resolver that gives no answer (`resolver`), or says of everything
that it does not exist (`dns`), is ours when it does so for a second name and none was resolved in between; for one
name alone it may be that name's own servers.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from service.delivery.attempts import OUR_SIDE, Failure

LASTING_S = 30.0
"""A fault that is older is told to whoever asks whether we are ready."""
QUIET_S = 60.0
"""One that was not seen for so long is over."""


@dataclass(slots=True)
class OurSide:
    """Times are seconds of one clock that the caller chooses."""

    _names: set[str] = field(default_factory=set)
    """That got no address since one did."""
    _since: dict[Failure, tuple[float, float, str]] = field(default_factory=dict)
    """Faults that last: first and last seen, and what the last one said."""

    def worked(self, *, named: bool) -> None:
        """A connection was made, or refused by the other side: our network is there, and with a name the resolver."""
        self._since.pop(Failure.NETWORK, None)
        self._since.pop(Failure.RESOURCES, None)
        if named:
            self.resolved()

    def resolved(self) -> None:
        """A name was resolved, whatever came of it then."""
        self._names.clear()
        self._since.pop(Failure.RESOLVER, None)

    def is_to_blame(self, host: str, failure: Failure, now: float, detail: str = "") -> bool:
        """Whether a failure is ours."""
        if failure not in (*OUR_SIDE, Failure.DNS):
            return False
        if failure in (Failure.DNS, Failure.RESOLVER):
            if len(self._names) < 2:
                self._names.add(host)
            if len(self._names) < 2:
                return False
        if failure is Failure.DNS:
            return True  # an answer, and perhaps a true one: not charged, and tried by its schedule
        first, last, _ = self._since.get(failure, (now, now, ""))
        self._since[failure] = (first if now - last < QUIET_S else now, now, detail)
        return True

    def lasting(self, now: float) -> Collection[str]:
        """A sentence for each fault that lasts."""
        return [
            f"nothing can be sent for {now - first:.0f} s, {MEANS[failure]}: {detail}"
            for failure, (first, last, detail) in self._since.items()
            if last - first > LASTING_S and now - last < QUIET_S
        ]


MEANS = {
    Failure.NETWORK: "this machine has no way out (routes, interface, firewall)",
    Failure.RESOURCES: "this machine has no files, ports or memory left for connections (ulimit -n)",
    Failure.RESOLVER: "the resolver of this machine does not answer (/etc/resolv.conf)",
}
