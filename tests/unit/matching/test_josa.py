"""The table of tails: agreement, chains, suffixes by kind, and what makes another word."""

import pytest

from service.matching.entities import KINDS, Kind
from service.matching.hangul import final_of
from service.matching.josa import need, tails


def keeps(name: str, tail: str, kind: Kind = "other") -> bool:
    return bool(tails().mask(tail) & need(kind, final_of(name[-1])))


@pytest.mark.parametrize(
    ("vowel", "consonant"),
    [
        ("는", "은"),
        ("가", "이"),
        ("를", "을"),
        ("와", "과"),
        ("나", "이나"),
        ("랑", "이랑"),
        ("였다", "이었다"),
        ("라는", "이라는"),
    ],
)
def test_josa_agree_with_the_final_consonant(vowel: str, consonant: str) -> None:
    assert keeps("오사카", vowel)
    assert keeps("독일", consonant)
    assert not keeps("독일", vowel)


def test_l_takes_ro_and_not_euro() -> None:
    assert keeps("서울", "로")
    assert not keeps("서울", "으로")
    assert keeps("울산", "으로")
    assert not keeps("울산", "로")
    assert keeps("오사카", "로")


@pytest.mark.parametrize(
    "tail",
    ["에서의", "에서부터는", "까지도", "만의", "에게만은", "입니다", "이라고는", "인데", "이라며", "뿐만", "처럼은"],
)
def test_chains(tail: str) -> None:
    assert keeps("울산", tail)


@pytest.mark.parametrize(
    "tail", ["은행", "부산", "이랜드", "문", "물", "하게", "시리즈", "에서에서에서에서", "도도도도도", "가나다"]
)
def test_other_words(tail: str) -> None:
    assert not any(keeps("울산", tail, kind) for kind in KINDS)


@pytest.mark.parametrize(
    ("tail", "kinds"),
    [
        ("측은", set(KINDS)),
        ("시청에서", {"place", "government"}),
        ("발", {"place", "government", "company", "other"}),
        ("일원에는", {"place", "government"}),
        ("의원은", {"person"}),
        ("대표가", {"person"}),
        ("본사", {"company"}),
    ],
)
def test_suffixes_by_kind(tail: str, kinds: set[Kind]) -> None:
    assert {kind for kind in KINDS if keeps("울산", tail, kind)} == kinds


def test_people_of_a_place_are_another_thing_and_the_copula_is_not() -> None:
    assert not keeps("독일", "인", "place")
    assert keeps("장바다", "인", "person")
    assert tails().changes("인이")
    assert tails().changes("산")
    assert tails().changes("하는")
    assert not tails().changes("영화")


def test_latin_names_take_either_form() -> None:
    assert keeps("KT", "는")
    assert keeps("KT", "은")
    assert not keeps("KT", "전자")


@pytest.mark.parametrize(
    ("tail", "name", "kept"),
    [
        ("서도", "울산", True),
        ("이라기보다는", "울산", True),
        ("였는지를", "오사카", True),
        ("였다는데요", "오사카", True),
        ("이었는지를", "울산", True),
        ("라면서요", "오사카", True),
        ("라면서요", "울산", False),
        ("인지", "울산", True),
        ("일지를", "울산", False),  # a diary of Ulsan
        ("임도", "울산", False),  # a forest road
        ("만두", "울산", False),
    ],
)
def test_endings_of_places(tail: str, name: str, kept: bool) -> None:
    assert keeps(name, tail, "place") is kept


def test_what_is_no_place_is_not_stood_at() -> None:
    assert not keeps("장바다", "서", "person")
    assert keeps("울산", "서는", "company")
    assert tails().mask("서는") & need(None, final_of("약")) == 0, "협약서는: of the paper"
    assert tails().mask("에서는") & need(None, final_of("약"))


def test_a_full_name_of_two_syllables_is_not_called_by_a_third() -> None:
    mask, final = tails().mask("아"), final_of("민")
    assert mask & need("person", final), "정하늘아"
    assert not mask & need("person", final, short=True), "김민아"
    assert tails().mask("은") & need("person", final, short=True)
