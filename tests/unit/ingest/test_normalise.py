"""Normal form and the way back."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.ingest.normalise import MAX_MARKS, fold, normalise

ODD = "a가각ᄀ" + "ᅡᆨ́̈ͅ" + "\u200b­\ufeffㅤ" + "“”‘’ㆍ・•–㈜Ａｚ　\xa0\t\r\n\x85\u2028 &;#x12KÅßİΣςﬁ豈" + "़ؐ̀া゙"


@pytest.mark.parametrize(
    ("given_text", "normal"),
    [
        ("서울시와 충칭시", "서울시와 충칭시"),
        (unicodedata.normalize("NFD", "서울시와 충칭"), "서울시와 충칭"),
        ("충\u200b칭 나고­야 \ufeff울산", "충칭 나고야 울산"),
        ("ＬＧ전자 KB\xa0국민　은행", "lg전자 kb 국민 은행"),
        ("5ㆍ18 가・나 다•라 마‧바", "5·18 가·나 다·라 마·바"),
        ("“큰” ‘작은’ «겹» `뒤`", "\"큰\" '작은' \"겹\" '뒤'"),
        ("㈜오뚜기는 오뚜기㈜", "(주)오뚜기는 오뚜기(주)"),
        ("A–B—C−D", "a-b-c-d"),
        ("&amp;lsquo;충칭&amp;rsquo; KT&amp;G &#52649;&#xCE6D; &nbsp;x", "'충칭' kt&g 충칭 x"),
        ("AT&T R&D; &nosuch; &amp;amp;lt;", "at&t r&d; &nosuch; &lt;"),
        ("ㅋㅋㅋ ㎞ … ①", "ㅋㅋㅋ ㎞ … ①"),
        ("李 Å Straße İstanbul", "李 å straße istanbul"),
        ("가\r\n나\u2028다\x0b라", "가\n\n나\n다\n라"),
        ("a  b   c", "a b c"),
    ],
)
def test_normal_form(given_text: str, normal: str) -> None:
    assert normalise(given_text).text == normal


def test_text_that_is_normal_needs_no_map() -> None:
    assert normalise("서울시는 오늘 “새 길”을 연다고 밝혔다. LG와 KT도 · 참여한다.").maps == ()


def test_offsets_point_at_what_stood_there() -> None:
    text = "x충\u200b칭 &amp;lsquo;나고야&amp;rsquo;㈜끝"
    normal = normalise(text)
    stood = [text[normal.start(at) : normal.stop(at + 1)] for at in range(len(normal.text))]
    assert stood == ["x", "충", "칭", " ", "&amp;lsquo;", "나", "고", "야", "&amp;rsquo;", "㈜", "㈜", "㈜", "끝"]
    start = normal.text.index("충칭")
    assert text[normal.start(start) : normal.stop(start + 2)] == "충\u200b칭"


@given(st.text(max_size=80) | st.text(alphabet=ODD, max_size=40))
@example("ᾳ̂")
@example("Ị̇")
@example("ᾼ̂")
def test_twice_is_once_and_fold_is_the_same(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert normalise(text.replace("&", "+")).text == fold(text.replace("&", "+"))
    assert unicodedata.is_normalized("NFC", once) or max(map(len, once.split()), default=0) > MAX_MARKS


@given(st.text(max_size=80) | st.text(alphabet=ODD, max_size=40))
def test_the_way_back_is_in_order_and_within(text: str) -> None:
    normal = normalise(text)
    last = 0
    for at in range(len(normal.text)):
        start, stop = normal.start(at), normal.stop(at + 1)
        assert 0 <= start < stop <= len(text)
        assert start >= last or normal.start(at - 1) == start
        last = start
        if not normal.maps:
            assert fold(text[start:stop]) == normal.text[at]


def test_many_marks_cost_no_more_than_their_number() -> None:
    text = "a" + "̖̀" * 300_000
    assert len(normalise(text).text) <= MAX_MARKS + 1
