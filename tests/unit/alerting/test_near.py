from dataclasses import replace

import pytest

from service.alerting.near import jaccard, likeness
from service.ingest.sketch import sketch

SENTENCES = [
    "나루시가 오래된 다리를 고친다.",
    "공사는 다음 달에 시작되며 차로 두 개를 막는다.",
    "시민들은 공사가 끝날 때까지 하류의 새 다리로 돌아가야 한다.",
    "담당자는 안전을 위한 일이니 양해해 달라고 말했다.",
    "상인들은 손님이 줄까 걱정하면서도 공사를 반긴다.",
    "주민 설명회는 수요일 저녁 강변 도서관에서 열린다.",
    "시의회는 지난주에 예산을 승인했고 추가 비용도 검토한다.",
    "다리는 물에 잠긴 적이 없지만 난간에는 녹이 슬었다.",
]
OTHERS = [f"{place} 도서관은 {what} 두고 주민들과 여러 번 만나 의논했다." for place in ("강변", "언덕", "시장", "역전", "학교")
          for what in ("여는 시간을", "낡은 책장을", "새 열람실을", "이동 책방을", "어린이실을", "마당 공연을")]  # fmt: skip
SHORT = sketch(" ".join(SENTENCES))


def test_a_round_up_that_holds_a_short_article_whole_is_no_copy_of_it():
    round_up = sketch(" ".join([*OTHERS[:12], *SENTENCES, *OTHERS[12:20]]))
    assert set(SHORT.sentences) <= set(round_up.sentences)
    assert likeness(SHORT, round_up) == 0


def test_a_cut_copy_has_the_beginning_and_is_one():
    whole = sketch(" ".join([*SENTENCES, *OTHERS[:14]]))
    assert likeness(SHORT, whole) == 1.0


def test_a_very_small_part_is_no_copy():
    assert likeness(SHORT, sketch(" ".join([*SENTENCES, *OTHERS * 2, *(one[::-1] for one in OTHERS)]))) == 0


def test_boilerplate_proves_nothing():
    with_more = sketch(" ".join([*SENTENCES, *OTHERS[:2]]))
    assert likeness(SHORT, with_more) == 1.0
    assert likeness(SHORT, with_more, SHORT.sentences) == 0
    assert likeness(SHORT, with_more, SHORT.sentences[:2]) == 1.0


@pytest.mark.parametrize("endings", [("말했다", "전했다"), ("반긴다", "환영한다")])
def test_an_edited_copy_is_one(endings):
    edited = [one.replace(*endings).replace("시민들은", "시민은").replace("주민 설명회", "설명회") for one in SENTENCES]
    assert likeness(SHORT, sketch(" ".join(edited))) > 0


def test_signatures_of_two_versions_of_the_algorithm_do_not_compare():
    other = replace(SHORT, algorithm=SHORT.algorithm + 1)
    assert jaccard(SHORT, SHORT) == 1.0
    assert jaccard(SHORT, other) == 0.0
    assert likeness(SHORT, other) == 1.0, "their sentences still do"
