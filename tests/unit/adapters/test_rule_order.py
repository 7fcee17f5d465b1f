"""Which manifest stands: the first that was made from what stood, and those that asked for nothing."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.rule_order import NO_RULES, RuleOrder
from service.adapters.rules_topic import RulesOnTopic
from service.model.control_records import RulesManifest
from service.model.errors import NewerSchema


def manifest(version: str, replaces: str | None, at: int = 1) -> bytes:
    return RulesManifest(version=version, items=(), published_ms=at, replaces=replaces).encode()


class Order(NamedTuple):
    """What manifests come to."""

    stands: bytes | None
    accepted: frozenset[bytes]
    is_last: bool


def in_order(written: list[bytes]) -> Order:
    order = read(written)
    return Order(order.stands, frozenset(raw for raw in written if order.stood(raw)), [order.stands] == written[-1:])


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


def numbered(version: str, revision: int, tenant: str = "default") -> bytes:
    return RulesManifest(tenant=tenant, version=version, revision=revision, items=(), published_ms=1).encode()


def read(records: list[bytes]) -> RuleOrder:
    order = RuleOrder()
    for raw in records:
        order.take(raw)
    return order


def test_who_came_second_never_stands_and_a_gap_is_lawful():
    first, won, lost = numbered("a", 1), numbered("b", 2), numbered("c", 2)
    order = read([first, won])
    assert (order.version, order.revision, order.untidy) == ("b", 2, False)
    assert not order.take(lost)
    assert (order.version, order.untidy, order.stood(lost)) == ("b", True, False)
    assert order.take(numbered("d", 7)), "compaction took what was between"
    assert (order.version, order.untidy, order.stood(won)) == ("d", False, True)
    order.take(None)
    assert (order.version, order.revision, order.stands) == (NO_RULES, 0, None)
    assert order.mended() is None


def test_what_stands_is_written_again_as_a_successor_of_what_was_refused():
    """The same bytes would not do: whoever begins to read at the refused one would refuse them."""
    won, lost = numbered("b", 2), numbered("c", 2)
    mended = read([won, lost]).mended()
    assert mended is not None
    for seen in ([won, lost, mended], [lost, mended], [mended], [won, lost, mended, mended]):
        order = read(seen)
        assert (order.version, order.revision, order.untidy) == ("b", 3, False)
    late = read([won, lost, numbered("d", 3), mended])
    assert (late.version, late.untidy) == ("d", True)


def test_of_an_older_bongsu_the_count_begins_anew():
    order = read([numbered("a", 8), manifest("b", None)])
    assert (order.version, order.revision, order.untidy) == ("b", 0, False)
    assert RulesManifest.decode(order.next("c", (), 1).encode(), "rules").revision == 1
    assert not order.take(manifest("x", "a", 2)), "it was to replace what does not stand"
    mended = order.mended()
    assert mended is not None
    assert order.take(mended)
    assert (order.version, order.revision) == ("b", 1)


def test_what_cannot_be_read_is_told_and_not_written_over():
    order = read([numbered("a", 1), b"{"])
    assert (order.version, order.untidy) == ("a", False)
    assert order.unreadable
    assert order.take(numbered("b", 2))
    assert order.unreadable is None
    assert not order.take(numbered("c", 3, tenant="acme"))
    assert "tenant acme" in (order.unreadable or "")
    with pytest.raises(NewerSchema):
        order.take(b'{"schema": 2}')


def test_the_topic_shows_of_each_tenant_what_stands():
    topic = RulesOnTopic()
    own, won, lost = numbered("own", 1), numbered("b", 2, "acme"), numbered("c", 2, "acme")
    for key, value in (
        ("rule/1", b"{}"), ("current", own), ("current/acme", won), ("current/acme", lost), ("previous", lost),
        ("rule/2", b"{}"), ("rule/2", None), ("current/other", b"?"),
    ):  # fmt: skip
        topic.take(key, value)
    assert topic.values == {
        "rule/1": b"{}", "current": own, "current/acme": won, "previous": lost, "current/other": b"?",
    }  # fmt: skip
    assert [order.tenant for order in topic.untidy()] == ["acme"]
    topic.take("current", None)
    assert "current" not in topic.values


STEPS = st.lists(st.tuples(st.sampled_from(["publish", "mend", "write", "killed"]), st.integers(0, 2)), max_size=14)


@given(STEPS)
def test_compaction_at_any_point_changes_nothing_of_what_is_tidy(steps):
    """Three who publish and mend, each reading at one time and writing at another, or killed between the two.

    The oracle follows one by one which manifest was made from the one that stood. Compaction leaves of a beginning of
    the topic its last record, whatever that is.
    """
    topic: list[bytes] = []
    held: dict[int, tuple[bytes, bytes | None]] = {}
    stands: bytes | None = None
    for number, (what, who) in enumerate(steps):
        order = read(topic)
        if what == "publish":
            held[who] = (order.next(f"v{number}", (), number).encode(), stands)
        elif what == "mend" and order.untidy:
            held[who] = (order.mended() or b"", stands)
        elif what == "killed":
            held.pop(who, None)
        elif what == "write" and who in held:
            raw, made_from = held.pop(who)
            topic.append(raw)
            stands = raw if made_from == stands else stands
        order = read(topic)
        assert order.stands == stands
        if not order.untidy:
            for cut in range(len(topic)):
                assert read(topic[max(cut - 1, 0) :]).stands == stands
    order = read(topic)
    if (mended := order.mended()) is not None and order.untidy:
        assert not read([*topic, mended]).untidy
