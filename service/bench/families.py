"""Families of articles: wire stories with their copies, and what looks like a copy and is none. Own sentences, any number.

What is known of each article by construction is its family: articles of one family are one story, of two never.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from service.bench.clauses import sentence
from service.bench.corpus import names

PRESSES = tuple(f"{name}{end}" for name in ("가온", "나루", "다솜", "라온", "마루", "바른", "새벽", "아람", "한빛", "푸른")
                for end in ("일보", "신문", "경제", "방송", "뉴스"))  # fmt: skip
_REPORTERS = ("나라온", "한가람", "문다솜", "서해솔", "윤슬기", "강바다", "오하늘", "유노을")
_FACTS = (
    "참가자는 {a}명으로 지난해보다 {b}% 늘었다.",
    "사업비는 모두 {a}억 {b}00만 원이며 {c}년에 걸쳐 나눠 쓴다.",
    "{m}월 {d}일 오후 {c}시 {b}분께 신고가 들어왔다.",
    "조사 대상 {a}곳 가운데 {b}곳이 기준에 못 미쳤다.",
    "{name}에서 열리는 행사는 {m}월 {d}일까지 이어진다.",
    "이 건물은 지하 {c}층, 지상 {b}층 규모로 {a}가구가 들어선다.",
    "하루 이용객은 {a}{b}명으로 집계됐다.",
    "{name} 쪽은 {b}일 안에 답을 내놓겠다고 했다.",
)
_BOILERPLATE = (
    "{press}는 독자와 함께 더 나은 동네를 만드는 이야기를 찾아갑니다",
    "이 기사는 {press} 구독자에게 먼저 전해 드렸습니다",
    "{press} 앱을 내려받으면 속보를 가장 빨리 볼 수 있습니다",
    "제보는 {press} 편집국으로 언제든 보내 주시기 바랍니다.",
    "[{press} 오늘의 주요 기사] 한눈에 보기",
    "무단전재 및 재배포 금지",
    "Copyright ⓒ {press}. All rights reserved.",
    "▶ {press} 바로가기",
)
_EDITS = (
    ("밝혔다", "말했다"), ("말했다", "전했다"), ("설명했다", "밝혔다"), ("강조했다", "힘주어 말했다"), ("덧붙였다", "전했다"), ("늘었다", "많아졌다"),
    ("이어졌다", "계속됐다"), ("요청했다", "부탁했다"), ("제안했다", "제의했다"), ("나왔다", "나온 것으로 전해졌다"), ("들은 ", "들이 "), ("두고 ", "놓고 "),
)  # fmt: skip
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Told:
    """An article, with what is known of it by construction."""

    family: str
    kind: str
    at_ms: int
    article: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Text:
    title: str
    sentences: tuple[str, ...]


class Families:
    """Writes them. The same seed writes the same."""

    def __init__(self, seed: int) -> None:
        self._luck = random.Random(seed)
        self._names = names(3_000, seed)
        self._seed = seed
        self._count = 0

    def copies(self, families: int, over_ms: int, start_ms: int = 0) -> Iterator[Told]:
        """Wire stories and, within hours, a copy of each kind; in no order."""
        for number in range(families):
            text = self._text(self._luck.randint(12, 45))
            at_ms = start_ms + self._luck.randrange(over_ms)
            family = f"{self._seed}-{start_ms}-{number}"
            yield self._published(family, "wire", at_ms, text)
            for kind, change in _KINDS.items():
                later_ms = at_ms + self._luck.randrange(10 * HOUR_MS)
                yield self._published(family, kind, later_ms, change(self, text))

    def others(self, count: int, over_ms: int, start_ms: int = 0) -> Iterator[Told]:
        """Articles that are no copies of anything, most of them made to look so; each is a family of its own."""
        makers = tuple(_OTHERS.items())
        event = self._text(20)
        for number in range(count):
            if number % 40 == 0:
                event = self._text(20)
            kind, maker = makers[number % len(makers)]
            at_ms = start_ms + self._luck.randrange(over_ms)
            yield self._published(f"{self._seed}-{start_ms}-other-{number}", kind, at_ms, maker(self, event))

    def _published(self, family: str, kind: str, at_ms: int, text: _Text) -> Told:
        luck = self._luck
        self._count += 1
        press, reporter = luck.choice(PRESSES), luck.choice(_REPORTERS)
        body: list[str] = []
        for at in range(0, len(text.sentences), 4):
            body.append(" ".join(text.sentences[at : at + 4]))
        body[0] = luck.choice((f"[{press} {reporter} 기자] ", f"(서울={press}) {reporter} 기자 = ", "")) + body[0]
        tail = [f"{reporter} 기자 {luck.choice(('raon', 'desk', 'news'))}@example.com"]
        tail += [line.format(press=press) for line in luck.sample(_BOILERPLATE, luck.randint(1, 4))]
        return Told(
            family,
            kind,
            at_ms,
            {
                "id": f"story-{self._seed}-{self._count}",
                "url": f"https://example.com/{self._seed}/{self._count}",
                "source": press,
                "title": text.title,
                "text": "\n".join([*body, *tail]),
            },
        )

    def _text(self, sentences: int) -> _Text:
        return _Text(self._title(), tuple(self._sentence() for _ in range(sentences)))

    def _title(self) -> str:
        luck = self._luck
        return f"{luck.choice(self._names)}, {sentence(luck).rstrip('.')[:24].rsplit(' ', 1)[0]}"

    def _sentence(self) -> str:
        return self._fact() if self._luck.random() < 0.25 else sentence(self._luck)

    def _fact(self) -> str:
        luck = self._luck
        return luck.choice(_FACTS).format(
            a=luck.randint(11, 999), b=luck.randint(2, 59), c=luck.randint(2, 9), m=luck.randint(1, 12),
            d=luck.randint(1, 28), name=luck.choice(self._names),
        )  # fmt: skip

    # copies

    def _headline(self, text: _Text) -> _Text:
        return _Text(self._title(), text.sentences)

    def _byline(self, text: _Text) -> _Text:
        """Another reporter's name is set in the copy anyway (`_published`)."""
        return text

    def _boilerplate(self, text: _Text) -> _Text:
        """A press puts words of its own before and after that no cleaning knows."""
        luck = self._luck
        press = luck.choice(PRESSES)
        return _Text(
            text.title,
            (f"{press}가 {luck.choice(self._names)} 소식을 전해 드립니다.", *text.sentences,
             f"{press} {luck.choice(_REPORTERS)}이 더 알아보겠습니다."),
        )  # fmt: skip

    def _third(self, text: _Text) -> _Text:
        """The first third of the letters, cut wherever that is."""
        whole = " ".join(text.sentences)
        cut = whole[: len(whole) // 3]
        return _Text(text.title, (f"{cut}{self._luck.choice(('…', '...', ' (더 보기)', '', '… 전문은 누리집에서 볼 수 있다.'))}",))

    def _dropped(self, text: _Text) -> _Text:
        luck = self._luck
        gone = set(luck.sample(range(len(text.sentences)), len(text.sentences) // 5))
        return _Text(self._title(), tuple(one for at, one in enumerate(text.sentences) if at not in gone))

    def _edited(self, text: _Text) -> _Text:
        """An editor exchanges words in every third sentence."""
        return _Text(self._title(), tuple(self._edit(one) if self._luck.random() < 0.35 else one for one in text.sentences))

    def _edit(self, one: str) -> str:
        for old, new in _EDITS:
            if old in one:
                return one.replace(old, new)
        return one

    # what looks like a copy and is none

    def _market(self, _event: _Text) -> _Text:
        luck = self._luck
        up = luck.choice(("오른", "내린"))
        def n(low: int, high: int) -> str:
            return f"{luck.randint(low, high):,}.{luck.randint(0, 99):02}"
        return _Text(
            f"지수 {n(2000, 3900)} {up} 채 마감",
            (
                f"주가 지수가 전 거래일보다 {n(1, 90)}포인트 {up} {n(2000, 3900)}에 거래를 마쳤다.",
                f"지수는 {n(2000, 3900)}로 출발해 장중 한때 {n(2000, 3900)}까지 움직였다.",
                f"개인은 {luck.randint(100, 9000)}억 원, 기관은 {luck.randint(100, 9000)}억 원어치를 각각 거래했다.",
                "외국인 투자자의 움직임이 장 마감까지 지수의 방향을 정했다는 분석이 나온다.",
                f"시가총액 상위 종목 가운데 {luck.choice(self._names)} 주식은 {n(1, 9)}% 움직였다.",
                "증권가에서는 당분간 눈치 보기 장세가 이어질 것으로 내다본다.",
                f"환율은 달러당 {n(1200, 1490)}원에 거래됐다.",
                "전문가들은 금리 결정을 앞두고 위험 관리에 신경 써야 한다고 조언했다.",
            ),
        )  # fmt: skip

    def _weather(self, _event: _Text) -> _Text:
        luck = self._luck
        sky = luck.choice(("맑겠다", "흐리겠다", "구름이 많겠다", "흐리고 비가 오겠다", "차차 맑아지겠다"))
        return _Text(
            "내일 날씨",
            (
                f"내일은 전국이 대체로 {sky}.",
                f"아침 최저 기온은 {luck.randint(-9, 24)}도, 낮 최고 기온은 {luck.randint(0, 35)}도로 예보됐다.",
                f"{luck.choice(self._names)} 지역은 {luck.randint(-9, 24)}도에서 {luck.randint(0, 35)}도 사이를 오가겠다.",
                "일교차가 크게 벌어지는 곳이 많아 건강 관리에 유의해야 한다.",
                f"바다의 물결은 앞바다에서 {luck.randint(1, 9) / 2}m, 먼바다에서 최고 {luck.randint(2, 12) / 2}m로 일겠다.",
                f"예상 강수량은 {luck.randint(1, 30)}~{luck.randint(31, 80)}mm다.",
                "미세먼지 농도는 전 권역에서 보통 수준을 보이겠다.",
                "안개가 끼는 곳에서는 교통안전에 각별히 주의해야 한다고 당부했다.",
            ),
        )  # fmt: skip

    def _sports(self, _event: _Text) -> _Text:
        luck = self._luck
        home, away = luck.sample(self._names, 2)
        a, b = luck.randint(3, 14), luck.randint(0, 9)
        return _Text(
            f"{home}, {away} 꺾고 {luck.randint(2, 9)}연승",
            (
                f"{home} 선수단이 안방에서 {away} 선수단을 {a} 대 {b} 점수로 눌렀다.",
                f"선발 투수는 {luck.randint(4, 8)}이닝 {luck.randint(0, 4)}실점으로 마운드를 지켰다.",
                f"{luck.choice(_REPORTERS)} 선수가 {luck.randint(1, 9)}회 말 승부를 가르는 안타를 쳤다.",
                "승부는 마지막까지 알 수 없었고 관중석에서는 함성이 끊이지 않았다.",
                f"이날 승리로 {home} 쪽은 {luck.randint(20, 80)}승 {luck.randint(20, 80)}패가 됐다.",
                f"두 팀은 {luck.randint(1, 28)}일 같은 곳에서 다시 만난다.",
                "감독은 선수들이 끝까지 집중해 줘서 고맙다고 말했다.",
                "상대 팀 감독은 다음 경기를 차분히 준비하겠다고 짧게 말했다.",
            ),
        )  # fmt: skip

    def _reporter(self, event: _Text) -> _Text:
        """Another reporter of an event: the release's quotations and figures, and words of their own."""
        shared = self._luck.sample(event.sentences, 5)
        own = [self._sentence() for _ in range(self._luck.randint(8, 20))]
        return _Text(event.title, tuple(self._luck.sample([*shared, *own], len(shared) + len(own))))

    def _boiler(self, _event: _Text) -> _Text:
        """A short article with three sentences that its press puts under all."""
        own = tuple(self._sentence() for _ in range(self._luck.randint(6, 9)))
        return _Text(
            self._title(),
            (*own, "이 기사는 지역 언론 지원 사업의 도움을 받아 작성됐다.",
             "기사에 담긴 의견은 편집국의 공식 입장과 다를 수 있다.", "바로잡을 내용은 독자 상담실로 알려 주기 바란다."),
        )  # fmt: skip

    def _column(self, _event: _Text) -> _Text:
        return _Text("[아침 편지] 오늘을 여는 생각", tuple(self._sentence() for _ in range(14)))

    def _flash(self, _event: _Text) -> _Text:
        """A few words each; some with the same words and another name."""
        return _Text(f"[속보] {self._luck.choice(self._names)}, {self._luck.choice(_FLASHES)}", ("자세한 소식은 곧 전해 드립니다.",))

    def _roundup(self, event: _Text) -> _Text:
        """Short news in one article, each a paragraph out of another."""
        return _Text("오늘의 짧은 소식", (*[self._sentence() for _ in range(12)], *event.sentences[:5], *[self._sentence() for _ in range(8)]))

    def _plain(self, _event: _Text) -> _Text:
        return self._text(self._luck.randint(8, 45))


_FLASHES = tuple(one.strip() for one in "공장에서 불, 인명 피해 확인 중/임시 회의 소집/새 대표 선임/열차 운행 재개/호우 경보 발령".split("/"))
_Change = Callable[[Families, _Text], _Text]
_KINDS: dict[str, _Change] = {
    "headline": Families._headline, "byline": Families._byline, "boilerplate": Families._boilerplate,
    "first_third": Families._third, "fifth_dropped": Families._dropped, "edited": Families._edited,
}  # fmt: skip
_OTHERS: dict[str, _Change] = {
    "market": Families._market, "weather": Families._weather, "sports": Families._sports, "reporter": Families._reporter,
    "shared_boilerplate": Families._boiler, "column": Families._column, "flash": Families._flash, "roundup": Families._roundup,
    "plain": Families._plain,
}  # fmt: skip
