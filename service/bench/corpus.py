"""Articles and rules of any number for the benchmarks: the same for the same seed, and shaped like Korean news.

An article has a title, a dateline, paragraphs with quotations, a by-line and a copyright line. Names are the real ones
of places, then composed from syllables that names have; frequent names come first and are named more often. Sentences
are of this project's own writing.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

_REAL = (  # noqa: SIM905 - a list of words is read, not counted
    "서울 부산 대구 인천 대전 울산 세종 수원 성남 용인 안양 춘천 강릉 청주 천안 전주 군산 목포 여수 포항 "
    "경주 창원 진주 제주 도쿄 오사카 나고야 베이징 상하이 충칭 선양 하노이 방콕 자카르타 뉴욕 시카고 파리 "
    "런던 베를린 로마 마드리드 모스크바 "
).split()
HOMOGRAPHS = "경기 이천 고양 공주 광주 전주 양산 파리 인도 수지 진주 원주 동해 하나 다음 현대 유리 대구".split()  # noqa: SIM905
"""Names that are words too."""
_SYLLABLES = list(
    "가강건경고광구국권금기길김나남노다단달대덕도동두라란로류리림마만명목무문미민바박반방배백범병보복봉부북분비사산삼상서석선설성세소손송수순승시신안양어여연영오옥용우원월유윤은이인일임자장재전정제조종주준중지진차창천철청초충치칠태택통평포표하학한함해현형혜호홍화황효훈희"
)
_ENDS = [*"구군동리산시읍면", "전자", "건설", "은행", "제약", "그룹", "바이오", "중공업", "물산", "식품", ""]

_NAMING = (
    "{0}{는} 다음 달부터 버스 노선 여덟 개를 새로 운영한다고 밝혔다.",
    "이번 협약에 따라 {0}{와} {1}{는} 청년 창업가를 서로 보내고 공동 연구에 나선다.",
    "담당자는 “{0}에서 시작한 사업을 내년에는 {1}까지 넓히겠다”고 말했다.",
    "{0} 관계자는 안전 점검을 마치는 대로 운행 시간을 다시 알리겠다고 설명했다.",
    "{0}의 제안은 {1}, {2} 등 여러 곳의 지지를 받아 총회에서 채택됐다.",
    "{0}{가} 내놓은 계획을 두고 절차가 성급했다는 지적도 나왔다.",
    "한편 {0}발 화물 열차는 예정보다 이틀 늦게 도착했다.",
)  # fmt: skip
_OTHER = (
    "시민들은 출퇴근 시간이 줄어들 것으로 기대하면서도 요금이 오를까 걱정하는 눈치다.",
    "지난해 같은 기간과 견주면 방문객은 열에 셋꼴로 늘었고 숙박 예약도 꾸준히 오르고 있다.",
    "전문가들은 예산이 넉넉하지 않은 만큼 우선순위를 먼저 정해야 한다고 입을 모은다.",
    "현장을 찾은 주민 김모 씨는 공사가 길어져 장사에 어려움이 많았다고 털어놓았다.",
    "기온이 뚝 떨어지면서 아침 출근길에는 두꺼운 외투를 꺼내 입은 사람이 눈에 띄게 많아졌다.",
    "회의에서는 물 부족과 폭염에 함께 대비하는 방안이 주요 의제로 다뤄졌다.",
    "도서관과 체육관을 한 건물에 넣는 방식은 다른 지역에서도 좋은 평가를 받은 바 있다.",
    "물가가 오르자 전통시장을 찾는 발길이 늘었지만 상인들은 남는 것이 없다고 하소연한다.",
    "참가자들은 사흘 동안 열 개 분과로 나뉘어 토론을 벌이고 공동 선언문을 다듬었다.",
    "새 규정은 공포한 날부터 여섯 달이 지난 뒤 시행되며 그전까지는 계도 기간을 둔다.",
    "연구진은 표본이 크지 않아 결과를 널리 적용하려면 추가 실험이 필요하다고 덧붙였다.",
    "올해 들어 신청 건수가 두 배 가까이 뛰었는데도 처리 인력은 그대로여서 대기 시간이 길어졌다.",
    "행사장에는 아이와 함께 나온 가족이 많았고 체험 공간마다 긴 줄이 이어졌다.",
    "이 제도는 오래전부터 논의됐으나 비용을 누가 낼지를 놓고 의견이 엇갈려 번번이 미뤄졌다.",
    "소방 당국은 장비 스무 대를 보내 한 시간 만에 큰불을 잡았고 다친 사람은 없다고 전했다.",
    "관련 법안은 상임위원회 문턱을 넘었지만 본회의 통과까지는 시간이 더 걸릴 전망이다.",
    "업계에서는 경쟁이 치열해질수록 소비자에게 돌아가는 혜택도 커질 것으로 내다본다.",
    "학교 급식에 쓰이는 채소를 가까운 농가에서 사들이는 방안도 함께 추진된다.",
    "눈이 많이 내린 산간 도로에서는 차량이 거북이걸음을 했고 일부 구간은 통제됐다.",
    "설문에 답한 사람의 절반 이상은 재택근무가 줄면 이직을 고려하겠다고 응답했다.",
    "두 기관은 해마다 한 차례 실무 회의를 열어 그동안의 성과를 점검하기로 뜻을 모았다.",
    "버려지던 커피 찌꺼기를 모아 연료로 바꾸는 실험이 작은 마을에서 성과를 내고 있다.",
    "예산안에는 낡은 수도관을 바꾸는 비용과 하수 처리장을 넓히는 비용이 함께 담겼다.",
    "심사위원단은 작품의 완성도보다 새로운 시도를 높이 평가했다고 선정 이유를 밝혔다.",
    "주말에는 구름이 많고 곳에 따라 비가 내리겠으니 나들이 계획을 세울 때 참고해야 한다.",
    "수출이 넉 달째 줄면서 공장 가동률도 떨어졌고 협력 업체의 자금난이 깊어지고 있다.",
    "어르신들은 문턱을 낮춘 승강장 덕분에 병원에 가는 길이 한결 수월해졌다고 반겼다.",
    "개발을 둘러싼 갈등이 길어지자 중재에 나선 위원회가 절충안을 내놓기도 했다.",
    "전시는 다음 달 말까지 이어지며 월요일은 쉬고 저녁 여덟 시까지 문을 연다.",
    "그는 처음 이 일을 맡았을 때만 해도 이렇게 오래 걸릴 줄은 몰랐다며 웃었다.",
)  # fmt: skip
LENGTH = 1_500
"""Characters of an article, title and chrome included."""
CHROME = 120
NAMING_SHARE = 0.15
"""Of the sentences; the rest name nobody: some ten names in an article."""
PARAGRAPH = 180
STRANGERS = 2_000


def names(count: int, seed: int = 7) -> list[str]:
    """`count` distinct names, the real ones first."""
    luck = random.Random(seed)
    out = dict.fromkeys(_REAL[:count])
    while len(out) < count:
        stem = "".join(luck.choices(_SYLLABLES, k=luck.choice((2, 2, 3))))
        out.setdefault(stem + luck.choice(_ENDS) if len(stem) == 2 or luck.random() < 0.3 else stem)
    return list(out)


def rule_file(count: int, seed: int = 7) -> dict[str, Any]:
    """`count` rules over as many entities: mostly one entity, some AND, some AND NOT; in the form of rule files."""
    luck = random.Random(seed + 1)
    entities = [{"id": f"e{n}", "name": name, "kind": "company"} for n, name in enumerate(names(count, seed))]
    rules = []
    for n in range(count):
        other = luck.randrange(count)
        dice = luck.random()
        when = f"@e{n}" if dice < 0.65 or other == n else f"@e{n} AND {'NOT ' if dice > 0.9 else ''}@e{other}"
        rules.append({"id": f"r{n}", "name": f"규칙 {n}", "when": when})
    return {"entities": entities, "rules": rules}


def articles(  # noqa: PLR0913
    count: int,
    watched: int | Sequence[str],
    seed: int = 11,
    *,
    share: float = 0.1,
    length: int = LENGTH,
    homographs: float = 0.0,
) -> Iterator[dict[str, Any]]:
    """`count` articles of about `length` characters, as they travel on Kafka.

    Of the names in them `share` are of those watched (a list, or the first so many of `names`), `homographs` are words
    too, and the rest are strangers.
    """
    writer = _Writer(names(watched) if isinstance(watched, int) else watched, seed, share, homographs)
    for n in range(count):
        yield {
            "id": f"bench-{seed}-{n}",
            "url": f"https://example.com/{seed}/{n}",
            "source": f"가상일보 {n % 300}",
            "title": writer.filled("{0}, {1}{와} 손잡는다"),
            "text": writer.text(length),
        }


class _Writer:
    """Fills sentences with names."""

    def __init__(self, watched: Sequence[str], seed: int, share: float, homographs: float) -> None:
        self._luck = random.Random(seed)
        self._watched = watched
        self._share = share
        self._homographs = homographs
        known = frozenset(watched)
        self._strangers = [name for name in names(STRANGERS, seed + 99)[len(_REAL) :] if name not in known]

    def text(self, length: int) -> str:
        luck = self._luck
        paragraphs = ["[서울=가온일보 나라온 기자]"]
        size = CHROME
        others = luck.sample(_OTHER, len(_OTHER))
        while size < length:
            naming = luck.random() < NAMING_SHARE or not others
            sentence = self.filled(luck.choice(_NAMING)) if naming else others.pop()
            size += len(sentence) + 1
            if len(paragraphs[-1]) > PARAGRAPH:
                paragraphs.append(sentence)
            else:
                paragraphs[-1] = f"{paragraphs[-1]} {sentence}"
        return "\n".join(
            [*paragraphs, "나라온 기자 raon@example.com", "Copyright ⓒ 가온일보. 무단전재 및 재배포 금지."]
        )

    def filled(self, template: str) -> str:
        out = template
        for slot in ("{0}", "{1}", "{2}"):
            if slot in out:
                name = self._name()
                final = (ord(name[-1]) - 0xAC00) % 28 != 0
                for vowel, consonant in (("는", "은"), ("와", "과"), ("가", "이")):
                    out = out.replace(f"{slot}{{{vowel}}}", name + (consonant if final else vowel))
                out = out.replace(slot, name)
        return out

    def _name(self) -> str:
        luck = self._luck
        if luck.random() < self._homographs:
            return luck.choice(HOMOGRAPHS)
        if luck.random() >= self._share:
            return luck.choice(self._strangers)
        return self._watched[int(len(self._watched) ** luck.random()) - 1]  # Zipf: the first are the frequent ones
