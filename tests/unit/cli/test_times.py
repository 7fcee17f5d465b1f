from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.times import moment_ms, span_s

NOW_S = 1_795_406_000.0


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("1.5h", 5400), ("7d", 604_800)]
)
def test_spans(text, seconds):
    assert span_s(text) == seconds
    assert moment_ms(text, NOW_S) == (NOW_S - seconds) * 1000


@pytest.mark.parametrize("text", ["2026-11-23T09:00+09:00", "2026-11-23T00:00:00Z", "2026-11-23 09:00:00.000+0900"])
def test_a_time_with_an_offset_is_that_time(text):
    assert moment_ms(text, NOW_S) == 1_795_392_000_000


def test_a_time_without_an_offset_is_local():
    assert moment_ms("2026-11-23T09:00", NOW_S) == datetime(2026, 11, 23, 9).astimezone().timestamp() * 1000


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 h", "yesterday", "2026-13-01", "1w", "١h", "9" * 20 + "d"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="neither a span such as"):
        moment_ms(text, NOW_S)


@given(st.text(max_size=12))
def test_nothing_else_than_a_refusal_comes_of_any_text(text):
    try:
        found = moment_ms(text, NOW_S)
    except ValueError as error:
        found = repr(text) in str(error)
    assert found is not False
