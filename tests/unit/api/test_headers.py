"""ETags, Idempotency-Keys, cursors: what clients say in headers and parameters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from service.api.etags import expected_revisions, if_matching, tag_of, wanted_version
from service.api.idempotency import Idempotency
from service.api.paging import Keys, newest_first
from service.api.problems import ApiProblem
from service.model.errors import ChangedMeanwhile


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, None), ("*", None), (" * ", None), ('"3"', {3}), ('"1", "3"', {1, 3}), ('W/"3"', set()),
        ('W/"3", "4"', {4}), ('"abc"', set()), ('"3a"', set()), ('"' + "9" * 400 + '"', set()),
    ],
)  # fmt: skip
def test_if_match(said, expected):
    assert expected_revisions(said) == expected


def test_a_version_of_rules_matches_itself():
    assert wanted_version(tag_of("abc"), "abc") == "abc"
    assert wanted_version(None, "abc") is None
    with pytest.raises(ApiProblem) as stale:
        wanted_version('"abd"', "abc")
    assert stale.value.status_code == 412


def test_who_named_a_revision_hears_412_and_who_did_not_409():
    with pytest.raises(ApiProblem) as asked, if_matching('"1"'):
        raise ChangedMeanwhile("it is at 2")
    assert asked.value.status_code == 412
    with pytest.raises(ChangedMeanwhile), if_matching(None):
        raise ChangedMeanwhile("others were faster")


class Body(BaseModel):
    a: int = 0
    b: str = ""


def idempotency(key="k", token="t1", method="POST", path="/v1/x"):
    return Idempotency(key, token, method, path)


def test_an_id_is_a_function_of_token_route_and_key():
    one = idempotency().id_for("sub_")
    assert one == "sub_" + one[4:]
    assert len(one) == 36
    assert idempotency().id_for("sub_") == one
    others = [idempotency(key="l"), idempotency(token="t2"), idempotency(path="/v1/y"), idempotency(key="K")]
    assert len({one, *(other.id_for("sub_") for other in others)}) == 5
    assert idempotency(key=None).id_for("sub_") is None


def test_the_id_of_a_key_never_changes():
    """Records were made under it: another one would make them twice."""
    assert idempotency().id_for("sub_") == "sub_965b8acbf36556bea78884f548dd7f98"


def test_a_request_is_the_same_however_it_is_written():
    asked = idempotency()
    assert asked.request_hash(Body(a=1, b="x")) == asked.request_hash(Body(b="x", a=1))
    assert asked.request_hash(Body(a=1)) != asked.request_hash(Body(a=2))
    assert asked.request_hash(Body(a=1)) != idempotency(path="/v1/y").request_hash(Body(a=1))
    assert idempotency(key=None).request_hash(Body(a=1)) is None


@given(
    keys=st.sets(st.tuples(st.integers(0, 3), st.text("abc", max_size=2))),
    limit=st.integers(1, 5),
    more=st.lists(st.tuples(st.integers(0, 3), st.text("abc", max_size=2))),
)
def test_pages_are_the_whole_list_in_order_whatever_comes_meanwhile(keys, limit, more):
    """Against the sorted list: each that was there at the start comes once."""
    there, late = set(keys), list(more)
    cursor, seen = None, []
    while True:
        page = newest_first(there, Keys.of("x", {}), cursor, limit, key=lambda one: one, shown=lambda one: one)
        assert len(page.items) <= limit
        seen += page.items
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
        if late:
            there.add(late.pop())
    assert seen == sorted(set(seen), reverse=True)
    assert set(seen) >= keys


@pytest.mark.parametrize("cursor", ["x", "", "é", "WzFd", "W10", "bnVsbA", "eyJhIjoxfQ", "A" * 999, "\x00"])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(ApiProblem) as refused:
        Keys.of("x", {}).read(cursor, (int, str))
    assert refused.value.status_code == 422


def test_a_cursor_is_good_for_its_list_and_filters_only():
    cursor = Keys.of("x", {"name": "a"}).write((1, "b"))
    assert Keys.of("x", {"name": "a"}).read(cursor, (int, str)) == (1, "b")
    for other in (Keys.of("y", {"name": "a"}), Keys.of("x", {"name": "b"})):
        with pytest.raises(ApiProblem):
            other.read(cursor, (int, str))
    with pytest.raises(ApiProblem):
        Keys.of("x", {"name": "a"}).read(cursor, (str, int))
