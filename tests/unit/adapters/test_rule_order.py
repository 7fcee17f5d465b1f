"""Which manifest stands: the first that was made from what stood, and those that asked for nothing."""

from hypothesis import given
from hypothesis import strategies as st

from service.adapters.rule_order import NO_RULES, in_order
from service.model.control_records import RulesManifest


def manifest(version: str, replaces: str | None, at: int = 1) -> bytes:
    return RulesManifest(version=version, items=(), published_ms=at, replaces=replaces).encode()


def test_of_two_made_from_the_same_one_the_first_stands():
    first, late, mended = manifest("a", NO_RULES), manifest("b", "a"), manifest("c", "a")
    assert in_order([]).stands is None
    assert in_order([first, late]).stands == late
    order = in_order([first, late, mended])
    assert (order.stands, order.is_last, mended in order.accepted) == (late, False, False)
    assert in_order([first, late, mended, late]).is_last
    follower = manifest("d", "b")
    assert in_order([first, late, mended, follower]).stands == follower
    assert in_order([first, late, manifest("e", None)]).accepted == {first, late, manifest("e", None)}


def test_what_cannot_be_read_does_not_stand_and_compaction_may_take_what_was_before():
    assert in_order([b"{}", manifest("a", NO_RULES)]).stands == manifest("a", NO_RULES)
    assert in_order([manifest("z", "gone")]).stands == manifest("z", "gone")


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["a", "b", "c", "d", NO_RULES, None])), max_size=8))
def test_to_write_what_stands_again_settles_it(said):
    written = [manifest(version, replaces, at) for at, (version, replaces) in enumerate(said)]
    order = in_order(written)
    if not order.is_last and order.stands is not None:
        again = in_order([*written, order.stands])
        assert (again.stands, again.is_last) == (order.stands, True)
