"""Both engines against the obvious search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching.automaton import Find, build, with_ahocorasick_rs, with_daachorse

WORDS = st.lists(st.text(alphabet="가나a🙂", min_size=1, max_size=4), min_size=1, max_size=8, unique=True)


def obvious(patterns: list[str], text: str) -> list[tuple[int, int, int]]:
    found = [
        (start, start + len(pattern), number)
        for number, pattern in enumerate(patterns)
        for start in range(len(text))
        if text.startswith(pattern, start)
    ]
    return sorted(found, key=lambda one: (one[1], one[0]))


@pytest.fixture(params=[with_daachorse, with_ahocorasick_rs], ids=["daachorse", "ahocorasick_rs"])
def engine(request: pytest.FixtureRequest) -> object:
    try:
        request.param(["probe"])
    except ImportError:
        pytest.skip("not installed on this machine")
    return request.param


def test_finds_everything_with_code_point_offsets(engine: object) -> None:
    assert callable(engine)

    @given(WORDS, st.text(alphabet="가나a🙂 ", max_size=30))
    def check(patterns: list[str], text: str) -> None:
        find: Find = engine(patterns)
        assert find(text) == obvious(patterns, text)

    check()


def test_no_patterns_find_nothing() -> None:
    assert build([])("가나다") == []
