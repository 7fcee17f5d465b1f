"""Notices a partition that stands still although nothing is being done about it.

Around a rebalance Faust 0.15 can drop records that it has fetched (service/streams/transport.py gives back those that
we know of); the partition then waits behind them until the next rebalance. Reading it again from its committed offset
is always safe: what was not committed may repeat, with the same ids.
"""

from collections.abc import Hashable, Mapping

STALLED_S = 6.0


class Watchdog:
    """Told every few seconds how far each partition is; says which ones stand still."""

    def __init__(self, stalled_s: float = STALLED_S) -> None:
        self._stalled_s = stalled_s
        self._since: dict[Hashable, tuple[int, float]] = {}
        self._patience: dict[Hashable, float] = {}

    def stalled(self, now_s: float, progress: Mapping[Hashable, tuple[int, int]], *, idle: bool) -> list[Hashable]:
        """Partitions with records to read whose committed offset has not moved while the agents were idle.

        Args:
            now_s: a clock that only goes forward.
            progress: (committed offset, end offset) of each assigned partition.
            idle: no agent holds or waits for anything.
        """
        found = []
        for partition in [known for known in self._since if known not in progress]:
            del self._since[partition]
            self._patience.pop(partition, None)
        for partition, (committed, end) in progress.items():
            before, since = self._since.get(partition, (-1, now_s))
            if not idle or committed >= end or committed != before:
                self._since[partition] = (committed, now_s)
                if committed != before:
                    self._patience.pop(partition, None)
                continue
            patience = self._patience.get(partition, self._stalled_s)
            if now_s - since >= patience:
                found.append(partition)
                self._since[partition] = (committed, now_s)
                self._patience[partition] = 2 * patience  # something else is wrong then; do not read for ever
        return found
