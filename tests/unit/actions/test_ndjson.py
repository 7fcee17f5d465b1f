"""Lines out of parts: the same however the body was cut, and as splitting all of it at once has them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.actions.ndjson import BOM, Line, LineReader

MAX = 12
PIECES = st.lists(st.sampled_from([b"\n", b"\r\n", b" ", b"a", b'{"x": 1}', BOM, b"0123456789abc"]), max_size=30)


def slowly(body: bytes) -> list[Line]:
    found = []
    for number, raw in enumerate(body.split(b"\n"), 1):
        line = raw.strip()
        if number == 1:
            line = line.removeprefix(BOM).lstrip()
        if len(raw) > MAX:
            found.append(Line(number, b"", too_long=True))
        elif line:
            found.append(Line(number, line))
    return found


@given(PIECES, st.lists(st.integers(0, 200), max_size=10))
def test_lines_do_not_depend_on_the_parts(pieces, cuts):
    body = b"".join(pieces)
    ends = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    reader = LineReader(MAX)
    found: list[Line] = []
    for begin, end in pairwise(ends):
        found.extend(reader.feed(body[begin:end]))
    found.extend(reader.end())
    assert found == slowly(body)


def test_of_a_line_that_is_too_long_nothing_is_kept():
    reader = LineReader(100)
    for _ in range(1_000):
        assert list(reader.feed(b"x" * 100)) == []
        assert sum(map(len, reader._parts)) <= 100
    assert list(reader.feed(b"\n{}\n")) == [Line(1, b"", too_long=True), Line(2, b"{}")]
