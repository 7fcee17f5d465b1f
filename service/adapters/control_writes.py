"""Writing records with a revision: one change stands or nothing of it does, and whoever wrote it knows which.

Who writes reads its own record back. The one that lost is the last record of its key now, which is what compaction
would keep: so whoever sees that (the writer, everybody who follows, everybody who starts) writes the standing one
again, and looks again, for that too may have come late. A writer that is killed in between leaves it to the others;
`min.compaction.lag.ms` gives them the time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic

from service import logs
from service.adapters.control_revisions import Kind, R, RevisionsFollower
from service.adapters.control_topic import put
from service.adapters.kafka_client import make_producer, ours, started, topic_name
from service.model import topics
from service.model.errors import ChangedMeanwhile, Unavailable
from service.settings import KafkaSettings

KEPT_MS = 30 * topics.DAY_MS
"""After its end a record is kept for so long: as the decisions that name a silence, and longer than any late change."""
ROUNDS = 10
"""Of mending, at most: whoever writes all the time is mended by others."""

Producer = Callable[[], Awaitable[Any]]


class RevisionsWriter(Generic[R]):
    """Changes the records of a topic that is followed."""

    def __init__(
        self, settings: KafkaSettings, follower: RevisionsFollower[R], producer: Producer, timeout_s: float
    ) -> None:
        """`producer` gives a started one; `timeout_s` until what was written must have been read back."""
        self._settings = settings
        self._topic = topic_name(settings, follower.standing.kind.topic)
        self._follower = follower
        self._standing = follower.standing
        self._producer = producer
        self._timeout_s = timeout_s
        self._log = logs.get(__name__)

    async def write(self, record: R) -> R:
        """Create or change a record; it stands (or stood, and was changed further) when this returns.

        Returns:
            It, as all others read it.

        Raises:
            ChangedMeanwhile: somebody else changed it since the revision that it was made from; that stands.
            BadInput: it could not be read back by anybody.
            Unavailable, WrongSetup: Kafka does not answer or refuses us; it may stand all the same.
        """
        kind = self._standing.kind
        raw = record.encode()
        written = kind.model.decode(raw, kind.topic)
        stands = self._standing.stands(record.id)
        if stands == written:
            return written
        if stands is not None and stands.revision >= written.revision:
            raise self._lost(written.id)
        with self._standing.watching(written) as watch:
            await self._put([(written.id, raw)])
            stood = watch.stood
        try:
            await self.tidy()
            if stood:
                await self._forget_old(written.updated_ms)
        except Unavailable as error:
            if not stood:
                raise
            self._log.warning("the topic could not be tidied", topic=self._topic, reason=str(error))
        if not stood:
            raise self._lost(written.id)
        return written

    async def tidy(self) -> int:
        """Write what stands again where the last record of a key is another, until it is the last. Returns how many.

        Raises:
            Unavailable, WrongSetup: Kafka does not answer or refuses us.
        """
        count = 0
        for _ in range(ROUNDS):
            untidy = [(key, record) for key in sorted(self._standing.untidy) if (record := self._standing.stands(key))]
            if not untidy:
                break
            count += len(untidy)
            await self._put((key, record.encode()) for key, record in untidy)
        return count

    async def _forget_old(self, now_ms: int) -> None:
        old = self._standing.ended_before(now_ms - KEPT_MS)
        if old:
            await self._put((key, None) for key in old)

    async def _put(self, records: Iterable[tuple[str, bytes | None]]) -> None:
        """Write, and read until they were handed over."""
        producer = await self._producer()
        with ours(self._settings):
            async with asyncio.timeout(self._timeout_s):  # an idempotent producer itself tries for ever
                offset = await put(producer, self._topic, records)
        if offset < 0:  # the broker had them from a first try, whose answer was lost
            await self._follower.catch_up(self._timeout_s)
        else:
            await self._follower.read_past(offset, self._timeout_s)

    def _lost(self, key: str) -> ChangedMeanwhile:
        stands = self._standing.known.get(key)
        return ChangedMeanwhile(
            f"the {self._standing.kind.noun} {key} was {'removed' if stands is None else 'changed'} by somebody else "
            f"at the same time{'' if stands is None else f' (revision {stands.revision} stands)'}; nothing of this "
            "change was kept. Look at it, and try again."
        )


async def publish_revision(settings: KafkaSettings, written: R, kind: Kind[R]) -> None:
    """Create or replace one record, for who follows nothing. Raises as `RevisionsWriter.write`."""
    follower = RevisionsFollower(settings, kind, once=True)
    async with started(settings, make_producer(settings)) as producer:

        async def given() -> Any:
            return producer

        await follower.start()
        try:
            await RevisionsWriter(settings, follower, given, settings.request_timeout_s).write(written)
        finally:
            await follower.stop()
