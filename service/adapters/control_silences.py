"""Silences on the control topic `silences`: one record each; one that is lifted stays there with its end moved to now.

What ended long ago is removed when the next one is written, so the topic does not grow for ever.
"""

from collections.abc import Callable, Sequence

from service.adapters.control_revisions import Standing, publish_revision, read_standing, remove_key
from service.adapters.control_topic import ControlTopic, OnFailure
from service.alerting.silence import ActiveSilences, Silence
from service.model import topics
from service.model.records import SilenceRecord
from service.settings import KafkaSettings

KEPT_MS = 30 * topics.DAY_MS
"""After its end, as long as the decisions that name it."""


def _none_yet() -> Standing[SilenceRecord]:
    return Standing(SilenceRecord, topics.SILENCES, "silence")


async def publish_silence(settings: KafkaSettings, record: SilenceRecord) -> None:
    """Create or change a silence; it stands when this returns.

    Raises:
        ChangedMeanwhile: somebody else changed it since the revision that `record` was made from; that stands.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    standing = _none_yet()
    await publish_revision(settings, record, standing)
    for old in standing.all():
        if old.ends_ms < record.updated_ms - KEPT_MS:
            await remove_key(settings, topics.SILENCES, old.id)


async def read_silences(settings: KafkaSettings) -> tuple[SilenceRecord, ...]:
    """All silences there are, those that ended too, in the order of their ids.

    Raises:
        NewerSchema: one was written by a newer Bongsu.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return (await read_standing(settings, _none_yet())).all()


class SilencesFollower:
    """Follows the topic `silences`. A record that cannot be read leaves the last good one of its id in force."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        on_change: Callable[[Sequence[SilenceRecord]], None] | None = None,
        on_failure: OnFailure | None = None,
    ) -> None:
        """`on_change` is told those that are new or were changed, whenever there are some.

        `on_failure` is told what ended the following, e.g. NewerSchema: the role must end then.
        """
        self._topic = ControlTopic(
            settings, topics.SILENCES, self._on_record, on_batch=self._on_batch, on_failure=on_failure
        )
        self._on_change = on_change
        self._standing = _none_yet()
        self._told: dict[str, SilenceRecord] = {}
        self._active = ActiveSilences(())

    @property
    def ready(self) -> bool:
        """Read to the end and following."""
        return self._topic.ready

    def all(self) -> tuple[SilenceRecord, ...]:
        """Every silence, those that ended too, in the order of their ids."""
        return self._standing.all()

    def at(self, now_ms: int) -> Sequence[Silence]:
        """Those that are active at a time, milliseconds since the epoch."""
        return self._active.at(now_ms)

    async def start(self) -> None:
        """Read the topic to its end. Raises as `ControlTopic.start`."""
        await self._topic.start()

    async def stop(self) -> None:
        """Stop following; what is known stays."""
        await self._topic.stop()

    def _on_record(self, key: str, value: bytes | None) -> None:
        self._standing.take(key, value)

    async def _on_batch(self) -> None:
        known = self._standing.all()
        changed = [record for record in known if self._told.get(record.id) is not record]
        self._told = {record.id: record for record in known}
        self._active = ActiveSilences(map(Silence.of, known))
        if changed and self._on_change is not None:
            self._on_change(changed)
