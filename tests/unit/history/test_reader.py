"""Until when the history is whole, asked of a topic that never stands still."""

import pytest
from aiokafka import TopicPartition

from service.history.reader import HistoryReader
from service.settings import KafkaSettings

PARTS = [TopicPartition("alerts", 0), TopicPartition("alerts", 1)]


class Ends:
    """What a consumer says of the ends of its topics."""

    def __init__(self) -> None:
        self.now = dict.fromkeys(PARTS, 0)

    async def end_offsets(self, parts):
        return {part: self.now[part] for part in parts}

    def highwater(self, part):
        return None

    def partitions_for_topic(self, name):
        return {0, 1} if name == "alerts" else None


@pytest.fixture
def ends():
    return Ends()


@pytest.fixture
def reader(ends):
    made = HistoryReader(KafkaSettings(topic_prefix=""), batch_size=10)
    made._consumer, made._parts = ends, list(PARTS)
    read_to(made, 0, 0)
    return made


def read_to(reader, *offsets):
    reader._at = {part: (offset, 0) for part, offset in zip(PARTS, offsets, strict=True)}


async def test_what_is_read_to_its_end_is_whole_now(reader, ends):
    ends.now = {PARTS[0]: 3, PARTS[1]: 5}
    read_to(reader, 3, 5)
    await reader.look(100.0)
    assert (reader.behind, reader.whole_s) == (0, 100.0)


async def test_what_always_has_something_unread_is_whole_as_of_a_look_before(reader, ends):
    for second in range(50):
        ends.now = dict.fromkeys(PARTS, 10 * second + 10)
        read_to(reader, 10 * second + 5, 10 * second + 5)  # five behind, and never at the end
        await reader.look(float(second))
        assert reader.behind == 10
        assert reader.whole_s == (second - 1 if second else None)


async def test_one_partition_that_stands_still_holds_it_back(reader, ends):
    ends.now = {PARTS[0]: 3, PARTS[1]: 5}
    for second in range(10):
        read_to(reader, 3 + second, 4)
        ends.now = {PARTS[0]: 3 + second, PARTS[1]: 5}
        await reader.look(float(second))
    assert reader.whole_s is None
    read_to(reader, 12, 5)
    ends.now = {PARTS[0]: 13, PARTS[1]: 6}
    await reader.look(20.0)
    assert reader.whole_s == 0.0, "as of the look whose ends were reached, not of a later one"
