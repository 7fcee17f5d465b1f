"""Families of articles: wire stories with their copies, and what looks like a copy and is none. Any number of them.

What is known of each article by construction is its family: articles of one family are one story, of two never.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.bench import copies, lookalikes
from service.bench.family_texts import PRESSES, REPORTERS, Text, Writer

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
HOUR_MS = 3_600_000
COPIED_WITHIN_MS = 10 * HOUR_MS
SENTENCES = (12, 45)
"""Of a wire story: 500 to 2,000 characters; a third of it is no short body."""
ONE_EVENT = 40
"""Lookalikes that share an event."""


@dataclass(frozen=True, slots=True)
class Told:
    """An article, with what is known of it by construction."""

    family: str
    kind: str
    at_ms: int
    """After the beginning of the simulation."""
    article: dict[str, Any]


class Families:
    """Writes them. The same seed writes the same."""

    def __init__(self, seed: int) -> None:
        self._writer = Writer(seed)
        self._seed = seed
        self._families = 0
        self._articles = 0

    def copies(self, families: int, over_ms: int, start_ms: int = 0) -> Iterator[Told]:
        """Wire stories and, within hours, a copy of each kind; in no order."""
        writer = self._writer
        for _ in range(families):
            text = writer.text(writer.luck.randint(*SENTENCES))
            at_ms = start_ms + writer.luck.randrange(over_ms)
            family = self._family()
            yield self._published(family, "wire", at_ms, text)
            for change in copies.KINDS:
                later_ms = at_ms + writer.luck.randrange(COPIED_WITHIN_MS)
                yield self._published(family, change.__name__, later_ms, change(writer, text))

    def others(self, count: int, over_ms: int, start_ms: int = 0) -> Iterator[Told]:
        """Articles that are copies of nothing, most of them made to look so; each is a family of its own."""
        writer = self._writer
        event = writer.text(20)
        for number in range(count):
            if number % ONE_EVENT == 0:
                event = writer.text(20)
            kind = lookalikes.KINDS[number % len(lookalikes.KINDS)]
            at_ms = start_ms + writer.luck.randrange(over_ms)
            yield self._published(self._family(), kind.__name__, at_ms, kind(writer, event))

    def _family(self) -> str:
        self._families += 1
        return f"{self._seed}-{self._families}"

    def _published(self, family: str, kind: str, at_ms: int, text: Text) -> Told:
        """As a press prints it: dateline, paragraphs, by-line, and words of its own below."""
        luck = self._writer.luck
        self._articles += 1
        press, reporter = luck.choice(PRESSES), luck.choice(REPORTERS)
        body = [" ".join(text.sentences[at : at + 4]) for at in range(0, len(text.sentences), 4)]
        body[0] = luck.choice((f"[{press} {reporter} 기자] ", f"(서울={press}) {reporter} 기자 = ", "")) + body[0]
        below = [line.format(press=press) for line in luck.sample(_BOILERPLATE, luck.randint(1, 4))]
        byline = f"{reporter} 기자 {luck.choice(('raon', 'desk', 'news'))}@example.com"
        return Told(
            family,
            kind,
            at_ms,
            {
                "id": f"story-{self._seed}-{self._articles}",
                "url": f"https://example.com/{self._seed}/{self._articles}",
                "source": press,
                "title": text.title,
                "text": "\n".join([*body, byline, *below]),
            },
        )
