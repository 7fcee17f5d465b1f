"""How often and how much: buckets against a slow oracle, bodies through the real ASGI messages."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from service.api import limits
from service.api.limits import AtOnce, BodyLimit, Buckets
from service.api.metrics import ApiMetrics
from service.api.problems import ApiProblem


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@given(
    steps=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), max_size=60),
    per_s=st.integers(1, 10),
    burst=st.integers(1, 8),
)
def test_a_bucket_never_lets_more_through_than_it_says_and_no_less(steps, per_s, burst):
    """Against the definition: in no span of t seconds more than burst + t * per_s, and refused only if one more were."""
    clock = Clock()
    buckets = Buckets(per_s, burst, clock)
    allowed: dict[str, list[float]] = {"a": [], "b": []}
    for key, tenths in steps:
        clock.now += tenths / 8  # exact in binary: the oracle and the bucket must not differ by rounding
        taken = buckets.take(key)
        past = [*allowed[key], clock.now]
        over = any(len(past) - start > burst + (clock.now - past[start]) * per_s + 1e-9 for start in range(len(past)))
        assert taken.allowed is not over
        if taken.allowed:
            allowed[key].append(clock.now)
        else:
            assert 0 < taken.wait_s <= 1 / per_s


def test_waiting_as_long_as_it_says_is_enough():
    clock = Clock()
    buckets = Buckets(0.3, 2, clock)
    assert [buckets.take("a").allowed for _ in range(2)] == [True, True]
    refused = buckets.take("a")
    assert not refused.allowed
    clock.now += refused.wait_s + 1e-9
    assert buckets.take("a").allowed


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(limits, "MAX_BUCKETS", 3)
    buckets = Buckets(0.001, 1, Clock())
    for key in "abcd":
        assert buckets.take(key).allowed
    assert not buckets.take("d").allowed
    assert len(buckets._levels) == 3


async def nobody(_message):
    raise AssertionError("the layer answers nothing itself")


async def read_all(limit, chunks, *, length=None, pause_s=1.0, hang=False):
    """Let an application read a body of these chunks through the layer; what it read."""
    messages = [
        {"type": "http.request", "body": chunk, "more_body": hang or number + 1 < len(chunks)}
        for number, chunk in enumerate(chunks)
    ]
    read: list[bytes] = []

    async def receive():
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def application(_scope, receive, _send):
        while True:
            message = await receive()
            read.append(message["body"])
            if not message["more_body"]:
                return

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    layer = BodyLimit(application, limit, ApiMetrics(CollectorRegistry()), pause_s)
    await layer({"type": "http", "headers": headers}, receive, nobody)
    return b"".join(read)


async def test_a_body_of_the_limit_passes_whole():
    assert await read_all(10, [b"12345", b"", b"67890"]) == b"1234567890"
    assert await read_all(10, [b"1234567890"], length=10) == b"1234567890"


@pytest.mark.parametrize(
    ("chunks", "length"),
    [([b"123456", b"78901"], None), ([b"12345678901"], 3), ([b"x"], 11), ([b"x"], "9" * 40)],
)
async def test_a_larger_one_is_refused_however_it_comes(chunks, length):
    with pytest.raises(ApiProblem) as refused:
        await read_all(10, chunks, length=length)
    assert refused.value.status_code == 413
    assert refused.value.headers == {"Connection": "close"}, "what is not read would be the next request"


async def test_a_body_that_stops_coming_is_not_waited_for():
    with pytest.raises(ApiProblem) as refused:
        await read_all(10, [b"12"], pause_s=0.01, hang=True)
    assert refused.value.status_code == 408


def test_so_many_questions_at_once_and_room_again_when_one_has_ended():
    asking = AtOnce(2, "questions")
    with asking.one():
        with pytest.raises(ValueError, match="a fault"), asking.one():  # noqa: PT012 - the fault is of who asked
            with pytest.raises(ApiProblem, match="2 questions are being answered"), asking.one():
                pass
            raise ValueError("a fault")
        with asking.one():
            pass
