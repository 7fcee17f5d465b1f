"""Changes are staged, appended in order until all are acknowledged, and only then stored."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError

from service.adapters import writer
from service.model.errors import Unavailable, WrongSetup
from service.settings import KafkaSettings
from service.streams import changelog
from service.streams.changelog import ChangelogProducer
from service.streams.stores import Change
from tests.unit.streams.tables import Tables


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(writer, "RETRY_PAUSES_S", (0.0,))


class Producer:
    """As aiokafka's: `answers` are the results of the sends to come; then all are well."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    async def start(self):
        pass

    async def stop(self):
        pass

    async def send(self, topic, value, key, partition):
        self.sent.append((partition, key, value))
        future = asyncio.get_running_loop().create_future()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(SimpleNamespace(offset=len(self.sent) - 1 if answer is None else answer))
        return future


def producing(fake):
    retried: list[int] = []
    made = ChangelogProducer(KafkaSettings(), on_retry=retried.append)
    made._producer = fake
    return made, retried


CHANGES: list[Change] = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]


async def test_what_is_read_is_what_was_put_and_what_is_stored_was_acknowledged():
    tables = Tables()
    changelog = tables.changelog()
    changelog.turn(1)
    changelog.put(b"key", b"value")
    changelog.put(b"gone", None)
    assert changelog.get(b"key") == b"value"
    assert tables.stored.parts == {}
    changelog.turn(0)
    assert changelog.get(b"key") is None, "of another partition"
    assert await changelog.flush() == [1]
    assert tables.log == ["changelog", "table"]
    assert tables.stored.parts == {1: {b"key": b"value"}}
    assert changelog.applied(1) == 1
    assert await changelog.flush() == [], "nothing is staged any more"


async def test_what_is_removed_is_gone_before_it_is_acknowledged():
    tables = Tables()
    changelog = tables.changelog()
    tables.stored.write(0, [(b"key", b"old")], 1)
    changelog.put(b"key", None)
    assert changelog.get(b"key") is None
    changelog.discard()
    assert changelog.get(b"key") == b"old"


async def test_each_change_is_appended_in_order_and_the_last_offset_told():
    fake = Producer()
    made, retried = producing(fake)
    assert await made.write("t", 3, CHANGES) == 2
    assert fake.sent == [(3, key, value) for key, value in CHANGES]
    assert retried == []


async def test_from_the_first_that_is_missing_all_are_appended_again():
    """Else an old value of a key could come to stand behind its new one."""
    fake = Producer(None, KafkaTimeoutError(), None, None, KafkaTimeoutError())
    made, retried = producing(fake)
    assert await made.write("t", 0, CHANGES) == 5
    assert [value for *_, value in fake.sent] == [b"1", b"2", b"3", b"2", b"3", b"3"]
    assert retried == [1, 1]


async def test_an_offset_that_kafka_did_not_say_is_not_made_up():
    made, _ = producing(Producer(None, None, -1))
    assert await made.write("t", 0, CHANGES) is None


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (MessageSizeTooLargeError(), WrongSetup),
        (TopicAuthorizationFailedError(), WrongSetup),
        (ValueError("ours"), ValueError),
    ],
)
async def test_what_will_never_be_acknowledged_ends_it(error, raised):
    made, _ = producing(Producer(None, error))
    with pytest.raises(raised):
        await made.write("t", 0, CHANGES)


async def test_who_was_stopped_for_longer_than_a_session_writes_no_more():
    fake = Producer()
    made, _ = producing(fake)
    made._awake_s -= KafkaSettings().session_timeout_s - 1
    await made.write("t", 0, CHANGES)
    made._awake_s -= 2
    for _ in range(2):  # the pulse may be quicker than the next batch: it does not forget
        with pytest.raises(Unavailable, match="may have been replaced"):
            await made.write("t", 0, CHANGES)
        made._awake_s += 100
    assert len(fake.sent) == len(CHANGES)


async def test_a_start_that_takes_long_is_no_stop(monkeypatch):
    """Rules are compiled before: a slow machine would end at its first alert, and again after each restart."""
    fake = Producer()
    monkeypatch.setattr(changelog, "make_producer", lambda _: fake)
    made = ChangelogProducer(KafkaSettings())
    made._awake_s -= 100
    await made.start()
    try:
        await asyncio.sleep(0)  # the pulse looks
        assert await made.write("t", 0, CHANGES) == 2
    finally:
        await made.stop()
