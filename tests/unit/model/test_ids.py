"""Ids are promised to be the same for ever: receivers, books and other tools hold on to them."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from service.model import ids

PARTS = st.text(max_size=12)


def test_golden_values():
    """A change of any of them breaks every subscriber: it is never the test that is wrong."""
    assert (
        ids.default_article_id("한빛일보", "https://example.com/1", "제목", "본문")
        == "223dc73123df784791bc518a6d1d963c"
    )
    assert ids.default_article_id("한빛일보", None, "제목", "본문") == "b2a144e6c74362ee9e3571e5c300e0f2"
    assert ids.default_article_id(None, None, None, "본문") == "e4521029a93dba292baceb69bc0ec8c1"
    assert ids.content_hash("제목", "서울시와 충칭시가 협약을 맺었다.") == "22d0fbe89eea3b1c88ef1dc2369e9652"
    assert ids.match_id("a1", "c1", "seoul") == "mat_7506cea324a7b729190f9a611c8b5598"
    assert ids.alert_id("mat_1", "sub_1") == "alr_9b659238afacb184611ac5e718e02cb5"
    assert ids.story_id("a1") == "sty_9f50a7883065c9812372bd6665ec4660"
    assert ids.delivery_id("sub_1", "alr_1", 1) == "msg_c3f4911b9961d003fdedd65293e2fd27"
    assert ids.sha256_hex("서울".encode()) == "ca6c419327ce5a9d7e624ccac8219f676ea74b4c3cd58c6032ed39a8536aca67"


def test_the_contract_of_default_ids():
    def sha(text):
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    assert ids.default_article_id("s", "u", "t", "x") == sha("s\nu")
    assert ids.default_article_id("s", None, "t", "x") == sha("s\nt\nx")
    assert ids.default_article_id("s", "", "t", None) == sha("s\nt\n")
    assert ids.default_article_id(None, "u", None, None) == sha("\nu")


@given(st.tuples(PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS))
def test_different_parts_give_different_ids(one, other):
    assert (ids.match_id(*one) == ids.match_id(*other)) == (one == other)


@given(st.text(min_size=2, max_size=20), st.data())
def test_parts_do_not_run_into_each_other(text, data):
    first = data.draw(st.integers(0, len(text)))
    second = data.draw(st.integers(0, len(text)))
    one, other = (text[:first], text[first:]), (text[:second], text[second:])
    assert (ids.alert_id(*one) == ids.alert_id(*other)) == (one == other)


@given(PARTS, PARTS)
def test_kinds_do_not_share_ids(one, other):
    digests = {
        ids.alert_id(one, other)[4:], ids.content_hash(one, other), ids.story_id(one)[4:],
        ids.delivery_id(one, other, 1)[4:], ids.delivery_id(one, other, 2)[4:], ids.match_id(one, other, "")[4:],
    }  # fmt: skip
    assert len(digests) == 6


@given(PARTS, PARTS, st.integers(1, 10**6))
def test_a_webhook_id_holds_no_dot(subscription, group, sequence):
    assert "." not in ids.delivery_id(subscription, group, sequence)


def test_a_lone_surrogate_is_no_obstacle():
    assert ids.content_hash("\ud800", "") != ids.content_hash("\ud801", "")
    assert len(ids.default_article_id(None, None, "\ud800", None)) == 32
