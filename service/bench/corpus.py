"""Articles and rules of any number for the benchmarks: the same for the same seed, and shaped like Korean news.

An article has a title, a dateline, paragraphs with quotations, a by-line and a copyright line; no two are copies of one
text. Names are the real ones
of places, then composed from syllables that names have; frequent names come first and are named more often. Sentences
are of this project's own writing.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from service.bench.clauses import sentence
from service.bench.prose import filled, paragraphs

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
LENGTH = 1_500
"""Characters of an article, title and chrome included."""
CHROME = 120
NAMING_SHARE = 0.15
"""Of the sentences; the rest name nobody: some ten names in an article."""
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
        written = paragraphs("[서울=가온일보 나라온 기자]", length - CHROME, self._sentence)
        return "\n".join([*written, "나라온 기자 raon@example.com", "Copyright ⓒ 가온일보. 무단전재 및 재배포 금지."])

    def filled(self, template: str) -> str:
        return filled(template, self._name)

    def _sentence(self) -> str:
        luck = self._luck
        return self.filled(luck.choice(_NAMING)) if luck.random() < NAMING_SHARE else sentence(luck)

    def _name(self) -> str:
        luck = self._luck
        if luck.random() < self._homographs:
            return luck.choice(HOMOGRAPHS)
        if luck.random() >= self._share:
            return luck.choice(self._strangers)
        return self._watched[int(len(self._watched) ** luck.random()) - 1]  # Zipf: the first are the frequent ones
