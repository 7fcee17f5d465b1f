"""What rests in tiers because it could not be sent: for how long, and who is called back before that is over.

The more of one endpoint rests, the longer, so that what piles up for one that is down is not read and written again
every second. In return nobody waits for the end of a minute when the endpoint is well again: as soon as it takes
deliveries, everything up to the last of it in that tier is read as fast as it takes them; what others have there and
is not due, rests again behind.
"""

from collections.abc import Callable

from service.delivery.schedule import tier_for
from service.dispatcher.endpoints import Endpoints
from service.dispatcher.lanes import Lanes
from service.dispatcher.partition import Job, Partition
from service.model import topics

LONGEST_REST_S = 60
RESTS_PER_S = 1500
RESTS_PER_S_OPEN = 500
"""Records of one endpoint that may come back from a tier in a second: as many as can be sent, or be looked at and
rest again while it is down."""
CALLED_BACK_BELOW = 1024
"""When fewer wait for an endpoint that takes them, those that rest are called back from their tiers."""
CALLED_ROOM = 4096
"""So many of one endpoint come back ahead of their time; then the tier waits for it."""
CALLED_WAIT_S = 0.05


class Rests:
    """Knows where something of each subscription rests.

    Only what was spilled from here: after a restart what rests comes back when its time in the tier is over.
    """

    def __init__(self, endpoints: Endpoints, lanes: Lanes[Job], clock: Callable[[], float]) -> None:
        self._endpoints = endpoints
        self._lanes = lanes
        self._clock = clock
        self._tiers: dict[tuple[str, int], Partition] = {}
        """Partitions of tiers, by topic and number."""
        self._ends: dict[str, dict[tuple[str, int], int]] = {}
        """By subscription and partition, the offset behind the last that rests there because it could not be sent."""

    def seen(self, partition: Partition) -> None:
        """Something was read from it."""
        if partition.tier_s:
            self._tiers[partition.tp.topic, partition.tp.partition] = partition

    def forget(self) -> None:
        """Partitions go: all of them, for Kafka's eager protocol gives none before it has taken all."""
        self._tiers.clear()
        self._ends.clear()

    def rest_s(self, job: Job) -> int:
        """How long what cannot be sent now rests: the more of it rests, the longer, but not past its deadline."""
        endpoint = self._endpoints.of(job.lane)
        endpoint.resting += 1
        well = not endpoint.breaker.is_open and not endpoint.unreached
        per_s = RESTS_PER_S if well else RESTS_PER_S_OPEN
        fitting = (tier for tier in topics.RETRY_TIERS_S if endpoint.resting <= tier * per_s)
        left_s = int(job.delivery.deadline_ms / 1000 - self._clock())
        return tier_for(min(next(fitting, LONGEST_REST_S), LONGEST_REST_S, left_s)) or topics.RETRY_TIERS_S[0]

    def spilled(self, job: Job, tier_s: int) -> None:
        """It rests there now, because it could not be sent."""
        if job.went_to is not None and tier_s > topics.RETRY_TIERS_S[0]:
            place = job.went_to
            ends = self._ends.setdefault(job.lane, {})
            ends[place.topic, place.partition] = max(place.offset + 1, ends.get((place.topic, place.partition), 0))

    def returned(self, job: Job) -> None:
        """It was read again."""
        if job.was_due:
            endpoint = self._endpoints.of(job.lane)
            endpoint.resting = max(0, endpoint.resting - 1)

    def call_back(self) -> list[Partition]:
        """Partitions in which something rests that can be taken now; they are marked, and are to be read on."""
        called: dict[int, Partition] = {}
        for key in [key for key in self._ends if self._takes(key)]:
            for name, end in self._ends.pop(key).items():
                partition = self._tiers.get(name)
                if partition is not None:
                    partition.called_to = max(partition.called_to, end)
                    called[id(partition)] = partition
        return [partition for partition in called.values() if partition.resting]

    def wait_s(self, partition: Partition, offset: int, key: bytes | None, wait_s: float) -> float:
        """How long a record has to rest yet that would rest `wait_s`: not, when it or one behind it was called back."""
        if wait_s <= 0 or offset >= partition.called_to:
            return wait_s
        lane = (key or b"").decode("utf-8", "replace")
        useless = self._endpoints.of(lane).breaker.is_open  # it rests again behind, and lets the others pass
        if useless or self._lanes.waiting_of(lane) < CALLED_ROOM:
            return 0.0
        return min(wait_s, CALLED_WAIT_S)

    def _takes(self, key: str) -> bool:
        endpoint = self._endpoints.of(key)
        if endpoint.breaker.is_open or endpoint.unreached:
            return False
        return self._lanes.waiting_of(key) < CALLED_BACK_BELOW
