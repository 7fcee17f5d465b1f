"""`bongsu bench find`: CPU per article of finding alone, beside two simpler matchers, in one run.

Articles are composed here, 1,500 characters of news in Korean with title, dateline, quotations, by-line and copyright
line. Names are the real ones of places and companies, then composed from syllables that names have. All matchers get
the same articles; `pyahocorasick` gets the same boundary check, `in` gets nothing but the names.
"""

import gc
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from service.matching.boundary import begins, ends
from service.matching.engine import Engine
from service.matching.entities import Kind
from service.matching.lexicon import compile_lexicon
from service.matching.ruleset import Placed, RuleSet
from service.matching.schema import EntityModel, RuleModel
from service.matching.sense import Reading
from service.model.article import Article

SIZES = (100, 1_000, 10_000, 100_000)
SEED = 7
NAMED = 10_000
"""Names that the articles speak of. The same articles for every size: what grows is who else is watched."""
LENGTH = 1_500
"""Characters of an article, title and chrome included."""

_REAL = [
    "서울",
    "부산",
    "대구",
    "인천",
    "대전",
    "울산",
    "세종",
    "수원",
    "성남",
    "용인",
    "안양",
    "춘천",
    "강릉",
    "청주",
    "천안",
    "전주",
    "군산",
    "목포",
    "여수",
    "포항",
    "경주",
    "창원",
    "진주",
    "제주",
    "도쿄",
    "오사카",
    "나고야",
    "베이징",
    "상하이",
    "충칭",
    "선양",
    "하노이",
    "방콕",
    "자카르타",
    "뉴욕",
    "시카고",
    "파리",
    "런던",
    "베를린",
    "로마",
    "마드리드",
    "모스크바",
]
HOMOGRAPHS = [
    "경기",
    "이천",
    "고양",
    "공주",
    "광주",
    "전주",
    "양산",
    "파리",
    "인도",
    "수지",
    "진주",
    "원주",
    "동해",
    "하나",
    "다음",
    "현대",
    "유리",
    "대구",
]
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
NAMING_SHARE = 0.15
"""Of the sentences; the rest name nobody: some ten mentions in an article."""


def names(count: int, luck: random.Random) -> list[str]:
    """`count` distinct names, the real ones first."""
    out = dict.fromkeys(_REAL[:count])
    while len(out) < count:
        stem = "".join(luck.choices(_SYLLABLES, k=luck.choice((2, 2, 3))))
        out.setdefault(stem + luck.choice(_ENDS) if len(stem) == 2 or luck.random() < 0.3 else stem)
    return list(out)


def articles(count: int, watched: Sequence[str], luck: random.Random, homographs: float = 0.0) -> list[Article]:
    """News that name some of what is watched, frequent names more often; `homographs` is their share."""
    return [
        Article(f"bench-{number}", title=_fill("{0}, {1}{와} 손잡는다", watched, luck, homographs), text=text)
        for number, text in enumerate(_texts(count, watched, luck, homographs))
    ]


def _texts(count: int, watched: Sequence[str], luck: random.Random, homographs: float) -> Iterator[str]:
    for _ in range(count):
        paragraphs = ["[서울=가온일보 나라온 기자]"]
        size = 120
        others = luck.sample(_OTHER, len(_OTHER))
        while size < LENGTH:
            naming = luck.random() < NAMING_SHARE or not others
            sentence = _fill(luck.choice(_NAMING), watched, luck, homographs) if naming else others.pop()
            size += len(sentence) + 1
            if len(paragraphs[-1]) > 180:
                paragraphs.append(sentence)
            else:
                paragraphs[-1] = f"{paragraphs[-1]} {sentence}"
        yield "\n".join([*paragraphs, "나라온 기자 raon@example.com", "Copyright ⓒ 가온일보. 무단전재 및 재배포 금지."])


def _fill(template: str, watched: Sequence[str], luck: random.Random, homographs: float) -> str:
    out = template
    for slot in ("{0}", "{1}", "{2}"):
        if slot in out:
            rank = int(len(watched) ** luck.random()) - 1  # Zipf: the first names are the frequent ones
            name = luck.choice(HOMOGRAPHS) if luck.random() < homographs else watched[rank]
            final = (ord(name[-1]) - 0xAC00) % 28 != 0
            for vowel, consonant in (("는", "은"), ("와", "과"), ("가", "이")):
                out = out.replace(f"{slot}{{{vowel}}}", name + (consonant if final else vowel))
            out = out.replace(slot, name)
    return out


def rules_for(watched: Sequence[str]) -> RuleSet:
    """One entity and one rule for each name."""
    return RuleSet.build(_definitions(watched))


def _definitions(watched: Sequence[str]) -> Iterator[Placed]:
    kinds: tuple[Kind, ...] = ("place", "company", "government", "person", "other")
    for number, name in enumerate(watched):
        yield EntityModel(id=f"e{number}", name=name, kind=kinds[number % 5]), _nowhere
        yield RuleModel(id=f"r{number}", when=f"@e{number}"), _nowhere


def _nowhere(_path: object, _offset: int) -> tuple[str, int, int]:
    return "bench", 1, 1


def cpu_ms(work: Callable[[Article], object], corpus: Sequence[Article], seconds: float = 1.0) -> float:
    """CPU milliseconds for one article: best of as many rounds over the corpus as fit, after one to warm up."""
    for article in corpus[: max(1, len(corpus) // 4)]:
        work(article)
    best = float("inf")
    until = time.process_time() + seconds
    while time.process_time() < until:
        begin = time.process_time()
        for article in corpus:
            work(article)
        best = min(best, (time.process_time() - begin) / len(corpus) * 1000)
    return best


def with_pyahocorasick(ruleset: RuleSet) -> Callable[[Article], list[tuple[int, int, int]]]:
    """Pyahocorasick over the bare text, with the same boundary check: no normalisation, zones, rules."""
    import ahocorasick

    lexicon = compile_lexicon(ruleset)
    automaton = ahocorasick.Automaton()
    for number, pattern in enumerate(lexicon.patterns):
        automaton.add_word(pattern.surfaces[0].text, number)
    automaton.make_automaton()
    surfaces = [pattern.surfaces[0] for pattern in lexicon.patterns]

    def find(article: Article) -> list[tuple[int, int, int]]:
        text = f"\n{article.title}\n{article.text}\n"
        out = []
        for last, number in automaton.iter(text):
            surface = surfaces[number]
            start = last + 1 - len(surface.text)
            if begins(text, start, surface) and ends(text, last + 1, surface).reason is None:
                out.append((start, last + 1, number))
        return out

    return find


def with_in(watched: Sequence[str]) -> Callable[[Article], list[str]]:
    """The loop that everybody writes first."""
    return lambda article: [name for name in watched if name in f"{article.title}\n{article.text}"]


def run(*, quick: bool = False, progress: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """The whole benchmark, as values that JSON can hold. Times are CPU milliseconds of one thread per article."""
    count, seconds = (60, 0.3) if quick else (300, 1.5)
    rows = []
    luck = random.Random(SEED)
    every = names(max(SIZES), luck)
    corpus = articles(count, every[:NAMED], luck)
    for size in SIZES:
        progress(f"{size} names ...")
        rows.append(_row(every[:size], corpus, seconds))
    by_size = {row["names"]: row["bongsu_ms"] for row in rows}
    progress("with the second opinion ...")
    return {
        "characters_per_article": LENGTH,
        "articles": count,
        "rows": rows,
        "growth_10k_to_100k": round(by_size[100_000] / by_size[10_000], 3),
        "with_veto": _with_veto(count),
    }


def _row(watched: Sequence[str], corpus: Sequence[Article], seconds: float) -> dict[str, Any]:
    size, count = len(watched), len(corpus)
    gc.collect()
    before = _resident_bytes()
    ruleset = rules_for(watched)
    begin = time.process_time()
    engine = Engine(ruleset)
    built = time.process_time() - begin
    gc.collect()
    memory = _resident_bytes() - before
    gc.freeze()
    try:
        few = corpus[: max(3, min(count, 300_000 // size))]
        return {
            "names": size,
            "bongsu_ms": round(cpu_ms(engine.match, corpus, seconds), 4),
            "pyahocorasick_ms": round(cpu_ms(with_pyahocorasick(ruleset), corpus, seconds), 4),
            "in_ms": round(cpu_ms(with_in(watched), few, seconds), 4),
            "mentions_per_article": round(sum(len(engine.match(one).mentions) for one in corpus) / count, 1),
            "rules_fired_per_article": round(sum(len(engine.match(one).hits) for one in corpus) / count, 1),
            "build_cpu_s": round(built, 2),
            "rules_and_engine_mb": round(memory / 1e6, 1),
            "process_mb": round(_resident_bytes() / 1e6, 1),
        }
    finally:
        gc.unfreeze()


def _with_veto(count: int) -> dict[str, Any] | None:
    """Articles a second with the second opinion, a tenth of the mentions being homographs; each article seen once."""
    from service.adapters.sense import make_veto

    veto = make_veto(warn=lambda _message: None)
    if veto is None:
        return None
    luck = random.Random(SEED)
    watched = [*dict.fromkeys((*HOMOGRAPHS, *names(1_000, luck)))]
    readings = {name: veto.reading(name) for name in watched}  # once for each surface, when rules load
    plain = [name for name, reading in readings.items() if reading is Reading.NAME and name not in HOMOGRAPHS]
    engine = Engine(rules_for(watched), veto=veto)
    for article in articles(20, plain, luck, 0.1):
        engine.match(article)
    corpus = articles(max(count, 200), plain, luck, 0.1)
    begin = time.process_time()
    for article in corpus:
        engine.match(article)
    return {
        "names": len(watched),
        "articles_per_s": round(len(corpus) / (time.process_time() - begin)),
        "homographs": 0.1,
    }


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
