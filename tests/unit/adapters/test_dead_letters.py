import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.dead_letters import MAX_KEY_BYTES, MAX_VALUE_BYTES, dead_letter
from service.model import topics
from tests.stages import Message

LIMIT = topics.BY_NAME[topics.DEAD_LETTERS].max_message_bytes


@given(st.none() | st.binary(max_size=50), st.none() | st.binary(max_size=50), st.text(max_size=50))
def test_it_goes_as_it_came_with_where_and_why(key, value, reason):
    letter = dead_letter(Message(value, key, partition=2, offset=7, timestamp=1.5), "articles", reason, 1500)
    assert (letter.topic, letter.key, letter.value) == (topics.DEAD_LETTERS, key, value)
    assert dict(letter.headers) == {
        "topic": b"articles", "partition": b"2", "offset": b"7", "timestamp": b"1500",
        "reason": reason.encode("utf-8", "replace"),
    }  # fmt: skip


@pytest.mark.parametrize("size", [MAX_VALUE_BYTES, MAX_VALUE_BYTES + 1, LIMIT, 3 * LIMIT])
def test_the_largest_still_fits_its_topic(size):
    """An article as large as `articles` allows, or compressed by its producer, must not stop the worker for good."""
    letter = dead_letter(Message(b"x" * size, b"k" * 10_000), "articles", "because " * 1_000, 0)
    total = len(letter.key or b"") + len(letter.value or b"") + sum(len(k) + len(v) + 10 for k, v in letter.headers)
    assert total + 200 <= LIMIT
    assert len(letter.key or b"") == MAX_KEY_BYTES
    assert dict(letter.headers).get("size") == (str(size).encode() if size > MAX_VALUE_BYTES else None)
