"""Articles for simulated days: bodies of distinct sentences, so that only planted copies are copies.

A sentence is put together of who, when, what and how; there are so many of them that two stories share none but by a
rare chance, and never half of what they say. Every sentence is of this project's own writing.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from service.bench.prose import josa


def _list(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(" ".join(one.split()) for one in text.split(","))


PLACES = tuple(
    stem + end
    for end in ("시", "군")
    for stem in (
        "다온", "미르", "한별", "가온", "나래", "라온", "해솔", "도담", "새론", "윤슬",
        "예그린", "아라", "푸르내", "달보드레", "여우비", "소담", "온새미", "비나리", "늘솜", "꽃가람",
    )
)  # fmt: skip
"""Watched entities: invented, so that nothing else in the text names them."""
KEYWORD = "공청회"
"""What the narrow rules ask for besides; no other sentence holds it."""
SECTIONS = ("정치", "경제", "사회", "문화")

_WHO = _list("""
    주민 대표단, 교통 담당 부서, 상인 모임, 환경 단체, 학부모 협의회, 청년 창업가들, 연구 용역 기관,
    시설 관리 공단, 농민 단체, 관광 안내소, 소방 본부, 보건 담당자들, 건축 심의위원들, 예산 담당관,
    도서관 사서들, 체육 동호인들, 하천 관리인들, 노동조합 간부들, 문화재 해설사들, 택시 기사들, 급식 조리원들,
    전기 기술자들, 자원봉사자들, 임대 사업자들, 수산업 종사자들, 항만 운영사, 산림 감시원들, 통계 분석가들,
    민간 투자자들, 축제 기획자들
""")
_WHEN = _list("""
    지난주 초부터, 이른 아침에, 장마가 끝나자마자, 올가을 들어, 두 달에 걸쳐, 이웃 마을과 함께,
    여러 차례 미룬 끝에, 예고도 없이, 오랜 협의를 거쳐, 야간 시간을 이용해, 비용을 아끼려고, 새 지침에 맞추어,
    민원이 잇따르자, 시범 기간 동안, 겨울을 앞두고, 개학에 맞춰, 전문가의 조언을 받아, 외부 감사를 앞두고,
    설계를 고친 뒤, 현장을 둘러보고, 서로 양보한 끝에, 국비를 더 받아, 날씨가 풀리면서, 의견을 모은 다음,
    투표를 거쳐, 공사를 멈추고, 임시로나마, 처음으로, 해마다 이맘때, 다른 지역을 본떠
""")
_WHAT = _list("""
    낡은 수도관 교체, 마을 버스 배차, 전통 시장 지붕, 어린이 놀이터 바닥, 강변 산책로 조명, 폐교 활용 방안,
    공동 주택 주차면, 빗물 저장 시설, 골목 간판 정비, 야시장 운영 시간, 농산물 꾸러미 가격, 경로당 냉방 설비,
    자전거 보관대 위치, 음식물 수거 방식, 하수 처리장 증설, 마을 도서관 장서, 체육관 대관 규정, 공유 주방 임대료,
    둘레길 안내판 문구, 청년 주택 입주 기준, 항구 준설 계획, 태양광 설비 배치, 반려동물 쉼터 부지,
    학교 앞 건널목 신호, 장애인 승강기 점검, 수목원 입장 요금, 물놀이장 수질 검사, 빈집 정리 사업,
    응급실 야간 진료, 축제 무대 동선, 소상공인 대출 이자, 재활용 선별장 악취, 방음벽 높이 조정,
    초등 돌봄 교실 정원, 어선 정박 순서, 산불 감시 초소, 공영 텃밭 추첨, 겨울철 제설 장비, 역 앞 광장 공사,
    지하 상가 환기
""")
_HOW = _list("""
    다시 살펴보자는 제안을 내놓았다, 절반가량 마무리했다고 알렸다, 뒤로 미루자는 뜻을 밝혔다,
    직접 확인하고 사진을 남겼다, 맡을 업체를 새로 찾고 있다, 반대하는 서명을 모으기 시작했다,
    두고 밤늦게까지 토론을 벌였다, 내년 사업에 넣기로 약속했다, 온라인으로 공개하겠다고 했다,
    둘러싼 오해를 풀고 싶다고 말했다, 위해 성금을 내놓았다, 점검한 결과를 벽보로 붙였다,
    고치는 데 드는 돈을 따져 보았다, 가장 시급한 일로 꼽았다, 맡길 전담 인력을 뽑는다,
    주제로 설명회를 열 생각이다, 그대로 두면 위험하다고 경고했다, 빠르게 끝낸 비결을 소개했다,
    줄이는 쪽으로 가닥을 잡았다, 넓히는 방안에 손을 들었다, 맡아 온 사람들에게 상을 주었다, 조사할 모임을 꾸렸다,
    미리 신청하면 깎아 주기로 했다, 나누어 맡자는 데 뜻을 같이했다, 영상으로 기록해 나누었다,
    없애 달라는 편지를 보냈다, 되살리려고 손을 잡았다, 지켜본 뒤 결정하겠다고 답했다,
    바꾸면 좋아질 점을 정리했다, 서두르지 않겠다는 태도를 보였다
""")
_SYLLABLES = "갈겸곡굴날놀닐담돌둔랑렬롱류말멸묵밀발변봉빛삭설솔술실앙엽옥울잔젬졸줄찰척촌칩탁톱펄폭할혁홀훌힐"
SENTENCES = 9
"""Of a body; some 40 characters each."""


@dataclass(frozen=True, slots=True)
class Story:
    """What is told, without who tells it."""

    headline: str
    naming: str
    """The sentence that names the entity; another wording of it is a version. Empty: nobody is named."""
    reworded: str
    sentences: tuple[str, ...]

    def body(self, *, reworded: bool = False, without: int | None = None) -> str:
        """The text in paragraphs of three sentences, one of them left out if that is wanted."""
        kept = [one for number, one in enumerate(self.sentences) if number != without]
        naming = self.reworded if reworded else self.naming
        all_of_them = [naming, *kept] if naming else kept
        return "\n".join(" ".join(all_of_them[at : at + 3]) for at in range(0, len(all_of_them), 3))


def compose(luck: random.Random, place: str | None, *, keyword: bool) -> Story:
    """A story about `place`, or about nowhere in particular."""
    sentences = dict.fromkeys(_sentence(luck) for _ in range(SENTENCES + 3))
    naming = reworded = ""
    if place is not None:
        what, how = luck.choice(_WHAT), luck.choice(_HOW)
        held = f"{KEYWORD}에서 " if keyword else ""
        naming = f"{josa(place, '은', '는')} {luck.choice(_WHEN)} {held}{josa(what, '을', '를')} {how}."
        reworded = f"{josa(place, '이', '가')} {held}{what} 문제를 다시 다루면서 {luck.choice(_WHEN)} {how}."
    return Story(headline(luck), naming, reworded, tuple(sentences)[:SENTENCES])


def headline(luck: random.Random) -> str:
    """Of two things, so that no two are alike."""
    first, second = luck.sample(_WHAT, 2)
    return f"{first}, {luck.choice(_WHO)} “{second}” {luck.choice(_WHEN)} 나선다"


def flash(luck: random.Random) -> str:
    """Of a story that goes on under one headline: unlike all others, for by it alone its articles are known."""
    names = " ".join("".join(luck.choices(_SYLLABLES, k=4)) for _ in range(3))
    return f"{names} {luck.choice(_WHAT)}"


def _sentence(luck: random.Random) -> str:
    who, what = luck.choice(_WHO), luck.choice(_WHAT)
    parts: Sequence[str] = (josa(who, "은", "는"), luck.choice(_WHEN), josa(what, "을", "를"), luck.choice(_HOW))
    return " ".join(parts) + "."
