"""The worker's three stages and its timer, driven by the times of a day: the very classes of production.

What a broker does is done in the plainest way: records have offsets that only grow, their timestamp is the virtual
time, and everything that was produced is acknowledged at once. What is due at an instant comes before what arrives at
it, as in production: a flush takes in the alerts before it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.alerting.addressing import alerts_for
from service.alerting.groups import Context, Groups, Verdict
from service.alerting.place import Place
from service.alerting.story import Stories
from service.ingest.decode import decode_article
from service.matching.record import match_record, takedown_record
from service.model import topics
from service.model.records import AlertRecord, FlushRecord, MatchRecord
from service.simulation.control import Control
from service.simulation.events import Event, Outage, Published, TakenDown
from service.simulation.world import MemoryStore, Offsets, World, partition_of

EXPIRE_PER_EVENT = 4
"""As in the worker: old entries are forgotten a few at a time."""
EDITION = "default"


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that stands on a topic now."""

    at_ms: int
    topic: str
    key: str
    value: bytes


class Simulation:
    """One worker and its timer. Events in the order of their times in, the records of all topics out."""

    def __init__(self, world: World) -> None:
        self.control = Control()
        self.articles = 0
        """That were published so far."""
        self.now_ms = 0
        """The virtual time, milliseconds since the epoch."""
        self._world = world
        self._offsets = Offsets()
        self._resumes_ms = 0
        """Until then nothing is worked at."""
        self._stored_stories = MemoryStore()
        self._stored_groups = MemoryStore()
        self._stories = Stories(world.stories, self._stored_stories.get)
        self._groups = Groups(self._stored_groups)
        self._rules_version = world.engine.ruleset.version

    @property
    def remembered(self) -> tuple[int, int]:
        """Entries of the tables: articles, groups and holds."""
        return len(self._stored_stories.entries), len(self._stored_groups.entries)

    def take(self, event: Event) -> Iterator[Sent]:
        """Everything due until then, then the event. What came in an outage is worked off at one a millisecond."""
        if not self.now_ms:
            self.control.begin(event.at_ms)
        yield from self.run_until(max(event.at_ms, self._resumes_ms))
        if event.at_ms < self._resumes_ms:
            self._resumes_ms += 1
            self._move_to(self._resumes_ms)
        match event:
            case Published():
                self.articles += 1
                yield from self._article(event)
            case TakenDown():
                yield from self._matched(self._takedown(event))
            case Outage():
                self._resumes_ms = max(self._resumes_ms, event.until_ms)
            case _:
                for silence, ends_ms in self.control.take(event):
                    self._groups.silence_ends(silence, ends_ms)

    def run_until(self, until_ms: int) -> Iterator[Sent]:
        """Flush what becomes due up to `until_ms`; what was due during an outage comes first when it is over."""
        while (due_ms := self._next_due_ms()) is not None and due_ms <= until_ms:
            self._move_to(due_ms)
            flushes = [*self._groups.due(self.now_ms), *self.control.digests_due(self.now_ms)]
            assert flushes, f"something was to be due at {due_ms} and is not"
            for flush in flushes:
                yield from self._sent(topics.ALERTS, flush)
                yield from self._decide(flush)
        self._move_to(until_ms)

    def _next_due_ms(self) -> int | None:
        known = [due for due in (self._groups.next_due_ms(), self.control.next_digest_ms()) if due is not None]
        return min(known, default=None)

    def _move_to(self, at_ms: int) -> None:
        """Time only goes on; who stands still begins again when the outage is over."""
        self.now_ms = max(self.now_ms, at_ms, self._resumes_ms)

    def _article(self, event: Published) -> Iterator[Sent]:
        findings = self._world.engine.match(decode_article(event.raw), event.at_ms / 1000)
        hits = [hit for hit in findings.hits if not hit.rule.shadow]
        if hits:
            raw = match_record(
                findings,
                hits,
                edition=EDITION,
                rules_version=self._rules_version,
                evidence=self._world.evidence,
                published_ms=event.at_ms,
                matched_ms=self.now_ms,
            )
            yield from self._matched(raw)

    def _takedown(self, event: TakenDown) -> bytes:
        return takedown_record(
            event.article,
            edition=EDITION,
            rules_version=self._rules_version,
            published_ms=event.at_ms,
            matched_ms=self.now_ms,
        )

    def _matched(self, raw: bytes) -> Iterator[Sent]:
        yield Sent(self.now_ms, topics.MATCHES, EDITION, raw)
        record = MatchRecord.decode(raw, topics.MATCHES)
        place = Place(0, self._offsets.take(topics.MATCHES, 0), self.now_ms)
        step = self._stories.step(record, place)
        if step.value is not None:
            self._stored_stories.put(step.key, step.value)
        for key in self._stories.expire(place, EXPIRE_PER_EVENT):
            self._stored_stories.put(key, None)
        for alert in alerts_for(record, self.control.addresses, self.now_ms, step):
            yield from self._sent(topics.ALERTS, alert)
            yield from self._decide(alert)

    def _sent(self, topic: str, record: AlertRecord | FlushRecord) -> Iterator[Sent]:
        yield Sent(self.now_ms, topic, record.subscription, record.encode())

    def _decide(self, record: AlertRecord | FlushRecord) -> Iterator[Sent]:
        partition = partition_of(record.subscription)
        place = Place(partition, self._offsets.take(topics.ALERTS, partition), self.now_ms)
        context = Context(
            policy=self.control.addresses.policy,
            style=self.control.addresses.style,
            silences=self.control.silences,
            payload=self._world.payload,
            sent_through=place.offset - 1,
            time_to_live_ms=self._world.time_to_live_ms,
        )
        step = self._groups.step(record, place, context)
        assert step.verdict is not Verdict.REPLAYED, "nothing is read twice here"
        self._groups.expire(place, self._world.memory_ms, EXPIRE_PER_EVENT)
        for out in step.outputs:
            yield Sent(self.now_ms, out.topic, out.key.decode(), out.value)


def simulate(world: World, events: Iterable[Event], tail_ms: int) -> Iterator[Sent]:
    """A whole day, and `tail_ms` after its last line: long enough for what is held to be told."""
    simulation = Simulation(world)
    for event in events:
        yield from simulation.take(event)
    yield from simulation.run_until(simulation.now_ms + tail_ms)
