"""What families of articles are written with: texts of composed sentences and of facts with names and numbers."""

import random
from dataclasses import dataclass

from service.bench.clauses import sentence
from service.bench.corpus import names

PRESSES = tuple(
    f"{name}{end}"
    for name in ("가온", "나루", "다솜", "라온", "마루", "바른", "새벽", "아람", "한빛", "푸른")
    for end in ("일보", "신문", "경제", "방송", "뉴스")
)
REPORTERS = ("나라온", "한가람", "문다솜", "서해솔", "윤슬기", "강바다", "오하늘", "유노을")
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
FACTS_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Text:
    """What an article says, before a press puts its own around it."""

    title: str
    sentences: tuple[str, ...]


class Writer:
    """Luck, and what is written with it."""

    def __init__(self, seed: int) -> None:
        self.luck = random.Random(seed)
        self.names = names(3_000, seed)

    def name(self) -> str:
        """One of three thousand."""
        return self.luck.choice(self.names)

    def text(self, sentences: int) -> Text:
        """So many sentences that nobody else wrote."""
        return Text(self.title(), self.sentences(sentences))

    def title(self) -> str:
        """A name and what it did."""
        return f"{self.name()}, {sentence(self.luck).rstrip('.')[:24].rsplit(' ', 1)[0]}"

    def sentences(self, count: int) -> tuple[str, ...]:
        """Every fourth is a fact."""
        return tuple(self._fact() if self.luck.random() < FACTS_SHARE else sentence(self.luck) for _ in range(count))

    def _fact(self) -> str:
        luck = self.luck
        return luck.choice(_FACTS).format(
            a=luck.randint(11, 999),
            b=luck.randint(2, 59),
            c=luck.randint(2, 9),
            m=luck.randint(1, 12),
            d=luck.randint(1, 28),
            name=self.name(),
        )
