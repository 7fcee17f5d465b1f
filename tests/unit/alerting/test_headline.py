import pytest

from service.alerting.headline import is_next, read_headline


@pytest.mark.parametrize(
    ("title", "letters", "rank"),
    [
        ("서울 강남서 화재", "서울강남서화재", 0),
        ("[속보] 서울 강남서 화재", "서울강남서화재", 1),
        ("<속보>서울 강남서 화재", "서울강남서화재", 1),
        ("속보: 서울 강남서 화재", "서울강남서화재", 1),
        ("[1보] 서울 강남서 화재", "서울강남서화재", 1),
        ("[2보] 서울 강남서 화재", "서울강남서화재", 2),
        ("[상보] 서울 강남서 화재", "서울강남서화재", 20),
        ("서울 강남서 화재(종합)", "서울강남서화재", 30),
        ("서울 강남서 화재 (종합2보)", "서울강남서화재", 32),
        ("서울 강남서 화재【종합3보】", "서울강남서화재", 33),
        ("[최종] 서울 강남서 화재", "서울강남서화재", 50),
        ("[단독] 서울 강남서 화재", "서울강남서화재", 0),
        ("(LEAD) Seoul fire", "seoulfire", 30),
        ("UPDATE 2-Seoul fire", "seoulfire", 3),
        ("[사진] 서울 강남서 화재", "사진서울강남서화재", 0),
        ("속보이는 변명", "속보이는변명", 0),
        ("[속보]", "", 1),
        (None, "", 0),
    ],
)
def test_marks_are_read_and_left_aside(title, letters, rank):
    headline = read_headline(title)
    assert (headline.letters, headline.rank) == (letters, rank)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("[속보] 서울 강남서 화재", "서울 강남서 화재(종합)"),
        ("[속보] 서울 강남서 화재", "서울 강남 아파트서 화재…3명 부상(종합)"),
        ("서울 강남 아파트 화재…3명 부상(종합)", "서울 강남 아파트 화재…5명 부상(종합2보)"),
        ("[1보] 나루시 시장 사퇴", "[2보] 나루시 시장 사퇴…후임 미정"),
        ("[속보] 나루시 시장 사퇴", "나루시 시장 사퇴…후임은 다음 주에"),
        ("나루시 시장 사퇴", "[종합] 나루시 시장 사퇴"),
        ("[속보] 나루시 시장 사퇴", "[속보] 나루시 시장 사퇴 발표"),
    ],
)
def test_the_next_version_of_a_story(earlier, later):
    assert is_next(read_headline(earlier), read_headline(later))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("[아침 편지] 오늘을 여는 생각", "[아침 편지] 오늘을 여는 생각"),  # a column: no mark says that more has come
        ("[속보] 나루시, 임시 회의 소집", "[속보] 가람시, 임시 회의 소집"),  # of another
        ("[속보] 지수 2,512 마감", "[속보] 지수 2,498 마감"),  # numbers of two flashes
        ("[속보] 나루시 시장 사퇴", "나루시 도서관 개관(종합)"),
        ("[속보]", "[속보]"),
        ("", "[종합]"),
        ("[속보] 화재", "[속보] 화재 예방 주간"),  # too short to be similar
    ],
)
def test_another_story(earlier, later):
    assert not is_next(read_headline(earlier), read_headline(later))
