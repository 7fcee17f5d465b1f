import base64
import time

import pytest

from service.ingest.sketch import MAX_LETTERS, SHINGLE, _shingles, sketch
from service.model.sketch import MAX_NUMBERS, MAX_SENTENCES, decode, unpack

TEXT = "나루시가 다리를 3월까지 고친다. 공사비는 30억 원이다."


def test_spaces_marks_and_lines_are_left_aside():
    one = sketch(TEXT)
    assert one == sketch("나루시가  다리를 3월까지, 고친다!\n'공사비'는 30억 원이다.")
    assert len(one.sentences) == 2
    assert list(one.weights.values()) == [14, 10]
    assert one.letters == 24


def test_what_it_is_made_of_is_kept_for_weeks_and_must_not_change_unnoticed():
    """Sketches on `matches` and in the table are compared with those of a later release."""
    made = sketch("나루시가 다리를 3월까지 고친다.")
    assert made.algorithm == 2, (
        "another version of rensa's MinHash compares with none of the old: say so in the changelog"
    )
    assert made.signature[:8].hex() == "b57dc8c78247e172"
    assert made.sentences == (992559422042777095,)
    assert made.numbers == {42267}


def test_a_number_that_the_cut_went_through_is_not_read():
    whole = sketch("참가자는 1234명이다. 작년보다 17% 늘었다.").numbers
    assert len(whole) == 2
    for cut in (
        "참가자는 12",
        "참가자는 12…",
        "참가자는 12...",
        "참가자는 12 (더 보기)",
        "참가자는 12… 전문은 누리집에.",
    ):
        assert sketch(cut).numbers == frozenset()
    assert sketch("참가자는 1,234명이").numbers <= whole
    assert sketch("3.5%").numbers == frozenset()
    assert len(sketch("3.5% 올랐다").numbers) == 1


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "...", "가", "가나다", "\ud800", "\ud800가나다라마바사. \udfff", "🙂" * 20]
)
def test_any_text_has_one(text):
    made = sketch(text)
    assert unpack(decode(made.encode())) == made


def test_a_very_long_article_costs_no_more_and_takes_no_more():
    text = " ".join(f"{number}번째 문장은 {number}원이라고 한다." for number in range(20_000))
    began = time.process_time()
    made = sketch(text)
    assert time.process_time() - began < 0.5
    assert len(made.sentences) == MAX_SENTENCES
    assert len(made.numbers) <= MAX_NUMBERS
    assert made.letters > MAX_LETTERS
    assert len(made.pack()) < 900


@pytest.mark.parametrize("bad", [b"", b"x" * 40, sketch(TEXT).pack()[:-1], sketch(TEXT).pack() + b"x"])
def test_what_is_no_sketch_is_refused(bad):
    with pytest.raises(ValueError, match="sketch"):
        unpack(bad)
    assert decode(base64.b64encode(bad).decode()) == bad
    with pytest.raises(ValueError, match="base64"):
        decode("@")


@pytest.mark.parametrize("letters", [0, 1, 4, 5, 6, 9, 10, 11, 320, 324, 325, 329, 700, MAX_LETTERS])
def test_shingles_are_all_runs_of_five_letters(letters):
    text = "".join(chr(0xAC00 + number) for number in range(letters))
    runs = [text[at : at + SHINGLE] for at in range(max(1, letters - SHINGLE + 1))]
    assert sorted(one.decode("utf-16-le") for one in _shingles(text.encode("utf-16-le"))) == sorted(runs)
