"""Taking answers apart: pieces do not matter, `http.client` agrees, and what is odd ends the connection."""

import contextlib
import gzip
import http.client
import io
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.http_reply import MAX_HEAD_BYTES, BadAnswer, Reply

LIMIT = 1000
NAMES = st.sampled_from(["Server", "X-Empty", "Date", "retry-after", "Content-Type", "Connection"])
VALUES = st.sampled_from(["", "a", "close", "keep-alive", "120", "text/plain; charset=utf-8", "x" * 90])


@st.composite
def answers(draw: Any) -> bytes:
    """Well-formed answers of all shapes."""
    status = draw(st.sampled_from([200, 202, 204, 301, 304, 404, 410, 429, 500, 503]))
    body: bytes = draw(st.binary(max_size=300))
    lines: list[str] = [f"HTTP/1.1 {status} {draw(st.sampled_from(['OK', '', 'Not so good']))}"]
    lines += [f"{name}: {value}" for name, value in draw(st.lists(st.tuples(NAMES, VALUES), max_size=5))]
    if status in (204, 304):
        return "\r\n".join([*lines, "", ""]).encode()
    chunked: bool = draw(st.booleans())
    if chunked:
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
        parts: list[bytes] = [
            body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True) if start < end
        ]
        trailer: bytes = draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"]))
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n" + trailer + b"\r\n"
        return "\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode() + chunks
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


class _Sock:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, _: str) -> io.BytesIO:
        return io.BytesIO(self._raw)


def fed(*pieces: bytes, limit: int = LIMIT) -> Reply:
    reply = Reply(limit)
    for piece in pieces:
        if reply.feed(piece):
            break
    return reply


@given(answers(), st.lists(st.integers(0, 500), max_size=6))
def test_pieces_do_not_matter_and_the_standard_library_agrees(raw: bytes, cuts: list[int]) -> None:
    at = sorted({min(cut, len(raw)) for cut in cuts})
    pieces = [raw[start:end] for start, end in zip([0, *at], [*at, len(raw)], strict=True)]
    reply, whole = fed(*(piece for piece in pieces if piece)), fed(raw)
    oracle = http.client.HTTPResponse(_Sock(raw), method="POST")  # type: ignore[arg-type]
    oracle.begin()
    body, headers = oracle.read(), [(name.lower(), value) for name, value in oracle.getheaders()]
    waits = [value for name, value in headers if name == "retry-after" and value]
    for seen in (reply, whole):
        assert seen.whole
        assert (seen.status, seen.reason.strip(), bytes(seen.body)) == (oracle.status, oracle.reason, body)
        assert (seen.retry_after or None) == (waits[0] if waits else None)
    assert reply.reusable == whole.reusable
    if ("connection", "close") in headers:
        assert not reply.reusable


def feed_for_ever(reply: Reply, more: bytes) -> None:
    """Until it says stop, which it has to."""
    for _ in range(MAX_HEAD_BYTES):
        if reply.feed(more):
            return
    raise AssertionError("it never stops")


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!",
        b"HTTP/1.1 204 No Content\r\n\r\nbody that 204 does not have",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n\x00\x00\x00",
    ],
    ids=["two answers", "longer than it says", "body of a 204", "close", "HTTP/1.0", "101"],
)
def test_an_answer_after_which_the_connection_is_not_used_again(raw: bytes) -> None:
    reply = fed(raw)
    assert reply.whole
    assert not reply.reusable


def test_one_after_which_it_is() -> None:
    for raw in (
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    ):
        assert fed(raw).reusable


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>HTTP/0.9</html>",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 020 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokX\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Nul: a\x00b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX\x00: a\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\rContent-Length: 0\r\r",
    ],
)  # fmt: skip
def test_what_is_no_answer(raw: bytes) -> None:
    for pieces in ((raw,), tuple(bytes([byte]) for byte in raw)):
        with pytest.raises(BadAnswer):
            fed(*pieces)


@pytest.mark.parametrize(
    "endless",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    ],
)
def test_1xx_without_end_is_an_error(endless: bytes) -> None:
    reply = Reply(LIMIT)
    with pytest.raises(BadAnswer, match="larger than"):
        feed_for_ever(reply, endless)


@pytest.mark.parametrize("more", [b"X-Many: a\r\n", b"x" * 100], ids=["headers", "one header"])
def test_a_head_without_end_is_an_error(more: bytes) -> None:
    reply = fed(b"HTTP/1.1 200 OK\r\nX: ")
    with pytest.raises(BadAnswer, match="larger than"):
        feed_for_ever(reply, more)


@pytest.mark.parametrize("more", [b"X-Trailer: a\r\n", b"x" * 100], ids=["trailers", "one trailer"])
def test_trailers_without_end_are_cut_or_an_error(more: bytes) -> None:
    reply = fed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")
    with contextlib.suppress(BadAnswer):
        feed_for_ever(reply, more)
        assert reply.cut
    assert not reply.reusable


def test_chunks_that_are_nearly_all_frame_are_cut() -> None:
    reply = fed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    sent = 0
    while not reply.feed(b"1;" + b"e" * 500 + b"\r\nx\r\n"):
        sent += 1
        assert sent < LIMIT
    assert reply.cut
    assert not reply.reusable


def test_the_end_of_the_connection_ends_only_a_body_without_length() -> None:
    for head, whole in (
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n", False),
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", False),
    ):
        reply = fed(head + (b"half" if head.endswith(b"\n\r\n") and b"100" not in head else b""))
        assert reply.end() is whole, head
        assert not reply.reusable


@pytest.mark.parametrize(
    ("encoding", "body", "shown"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0), b"hello"),
        ("x-gzip", gzip.compress(b"hello", mtime=0), b"hello"),
        ("deflate", zlib.compress(b"hello"), b"hello"),
        ("deflate", zlib.compress(b"hello", wbits=-15), b"hello"),
        ("br", b"\x0b\x02\x80hello\x03", b"\x0b\x02\x80hello\x03"),
        ("gzip", b"never zipped", b""),
    ],
)
def test_bodies_are_inflated(encoding: str, body: bytes, shown: bytes) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (
        encoding.encode(),
        len(body),
        body,
    )
    for pieces in ((raw,), tuple(bytes([byte]) for byte in raw)):
        assert bytes(fed(*pieces).body) == shown
