"""Silences on the control topic `silences`: one record each; one that is lifted stays there with its end moved to now.

What ended long ago is removed when the next one is written, so the topic does not grow for ever.
"""

from collections.abc import Callable, Sequence

from service.adapters.control_revisions import Kind, RevisionsFollower, read_standing
from service.adapters.control_topic import OnFailure
from service.adapters.control_writes import publish_revision
from service.alerting.silence import ActiveSilences, Silence
from service.model import topics
from service.model.control_records import SilenceRecord
from service.settings import KafkaSettings

SILENCE = Kind(SilenceRecord, topics.SILENCES, "silence", lambda record: record.ends_ms)


async def publish_silence(settings: KafkaSettings, record: SilenceRecord) -> None:
    """Create or change a silence; it stands when this returns.

    Raises:
        ChangedMeanwhile: somebody else changed it since the revision that `record` was made from; that stands.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    await publish_revision(settings, record, SILENCE)


async def read_silences(settings: KafkaSettings) -> tuple[SilenceRecord, ...]:
    """All silences there are, those that ended too, in the order of their ids.

    Raises:
        NewerSchema: one was written by a newer Bongsu.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return (await read_standing(settings, SILENCE)).all()


class SilencesFollower(RevisionsFollower[SilenceRecord]):
    """Follows the topic `silences`: every one, those that ended too."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        on_change: Callable[[Sequence[SilenceRecord]], None] | None = None,
        on_failure: OnFailure | None = None,
        once: bool = False,
    ) -> None:
        """`on_change` is told those that are new or were changed, whenever there are some.

        `on_failure` is told what ended the following, e.g. NewerSchema: the role must end then.
        """
        super().__init__(settings, SILENCE, on_failure=on_failure, once=once)
        self._on_change = on_change
        self._active = ActiveSilences(())

    def at(self, now_ms: int) -> Sequence[Silence]:
        """Those that are active at a time, milliseconds since the epoch."""
        return self._active.at(now_ms)

    def _changed(self, before: tuple[SilenceRecord, ...]) -> None:
        told = {record.id: record for record in before}
        changed = [record for record in self.all() if told.get(record.id) is not record]
        self._active = ActiveSilences(map(Silence.of, self.all()))
        if changed and self._on_change is not None:
            self._on_change(changed)
