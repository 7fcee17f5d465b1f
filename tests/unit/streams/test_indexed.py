from service.streams.indexed import Indexed
from tests.unit.streams.tables import Tables


class Made:
    def __init__(self):
        self.tables = Tables()
        self.changelog = self.tables.changelog()
        self.rebuilt: list[tuple[int, dict[bytes, bytes]]] = []
        self.forgotten: list[int] = []
        self.index = Indexed("groups", self.changelog, self._rebuild, self.forgotten.append)

    def _rebuild(self, partition, items):
        assert self.index.recovering
        self.rebuilt.append((partition, dict(items)))


async def test_what_comes_is_indexed_once():
    made = Made()
    made.tables.stored.write(0, [(b"a", b"1")], 5)
    await made.index.recovered({0, 1})
    assert made.rebuilt == [(0, {b"a": b"1"}), (1, {})]
    await made.index.recovered({0, 1})
    assert len(made.rebuilt) == 2
    assert not made.index.recovering


async def test_what_the_stage_wrote_itself_is_known_and_what_another_wrote_is_read():
    made = Made()
    await made.index.recovered({0})
    made.changelog.turn(0)
    made.changelog.put(b"ours", b"1")
    made.index.stored(await made.changelog.flush())
    await made.index.recovered({0})
    assert len(made.rebuilt) == 1
    made.tables.stored.write(0, [(b"theirs", b"2")], 7)  # as a recovery does
    await made.index.recovered({0})
    assert made.rebuilt[1:] == [(0, {b"ours": b"1", b"theirs": b"2"})]


async def test_what_left_and_came_back_before_a_recovery_ended_is_read_anew():
    made = Made()
    await made.index.recovered({0, 1})
    made.index.assigned({1})
    assert made.forgotten == [0, 1, 0], "each is forgotten before it is read, and 0 as it left"
    assert made.index.partitions == {1}
    await made.index.recovered({0, 1})
    assert [partition for partition, _ in made.rebuilt] == [0, 1, 0]
