"""Silences on the control topic `silences`: one record each; one that is lifted stays there with its end moved to now.

What ended long ago is removed when the next one is written, so the topic does not grow for ever.
"""

from collections.abc import Callable, Sequence

from service.adapters.control_revisions import RevisionsFollower, Standing, publish_revision, read_standing, remove_keys
from service.adapters.control_topic import OnFailure
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
    ended = [old.id for old in standing.all() if old.ends_ms < record.updated_ms - KEPT_MS]
    if ended:
        await remove_keys(settings, topics.SILENCES, ended)


async def read_silences(settings: KafkaSettings) -> tuple[SilenceRecord, ...]:
    """All silences there are, those that ended too, in the order of their ids.

    Raises:
        NewerSchema: one was written by a newer Bongsu.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return (await read_standing(settings, _none_yet())).all()


class SilencesFollower(RevisionsFollower[SilenceRecord]):
    """Follows the topic `silences`: every one, those that ended too."""

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
        super().__init__(settings, _none_yet(), on_failure=on_failure)
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
