"""Rules and articles for `bongsu bench match`: watch lists as they are kept, over names that the news mention.

Names are mentioned by a law of Zipf's kind and in clusters (who met whom will meet again). Rules are about names of
which 2.5 a rule are mentioned most, as in the measurement of Lucene Monitor that this is to be compared with: 60 % one
entity, 25 % A AND B, 10 % A AND NOT B, the rest NEAR and `title:`.
"""

import random
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from service.bench.clauses import sentence
from service.bench.corpus import names
from service.bench.prose import filled, paragraphs

Shape = Literal["one", "and", "and_not", "near", "title"]
MENTIONED = 250_000
"""Names that the articles speak of."""
HEAD = 25
"""The name of rank r is mentioned as often as 1 / (r + HEAD) (Zipf and Mandelbrot): no single name decides a result."""
NAMES_A_RULE = 2.5
CLUSTER = 8
"""Names that keep company."""
IN_COMPANY = 0.4
"""Of the mentions: those of a name of the same cluster as the one before."""
PARTNERS = 0.5
"""Of the second names of rules: those of the same cluster as the first."""
NEAR_WORDS = 10
LENGTH = 1_500
"""Characters of an article, title and chrome included."""
CHROME = 110
NAMING = 0.15
"""Of the sentences; the others name nobody."""
SAMPLE = 20_000
"""Sentences that name nobody, to learn their words."""
SPARE = 10_000
_SHARES: tuple[tuple[Shape, float], ...] = (
    ("one", 0.60), ("and", 0.25), ("and_not", 0.10), ("near", 0.025), ("title", 0.025),
)  # fmt: skip
_KINDS = ("place", "company", "government", "person", "other")
_TEMPLATES = (
    "{0}{는} 다음 주부터 도서관 네 곳을 밤에도 연다고 밝혔다.",
    "새 협약으로 {0}{와} {1}{는} 빈집을 고쳐 함께 쓰기로 했다.",
    "담당자는 “{0}에서 얻은 경험을 {1}에도 나누겠다”고 말했다.",
    "{0} 관계자는 점검이 끝나는 대로 결과를 알리겠다고 설명했다.",
    "{0}의 제안은 {1}, {2} 등의 지지를 받아 그대로 채택됐다.",
    "{0}{가} 내놓은 계획을 두고 너무 이르다는 지적도 나왔다.",
)  # fmt: skip
_TITLE = "{0}, {1}{와} 손잡는다"
_OWNER = "Copyright ⓒ 가온일보. 무단전재 및 재배포 금지."
_SLOT = re.compile(r"\{.\}")


def mentioned(seed: int = 7) -> list[str]:
    """The names, most mentioned first.

    Composed names of two syllables would be nearly all pairs of syllables there are. A pair that ordinary words hold is
    no name that anybody watches alone: it would fire on everything, whatever the engine. Names within longer names
    stay, and where two words meet: at 100,000 rules nearly half of the finds is no mention.
    """
    luck = random.Random(seed + 2)
    ordinary = {word for _ in range(SAMPLE) for word in sentence(luck).split()}
    ordinary |= {word for text in (*_TEMPLATES, _TITLE, _OWNER) for word in _SLOT.sub(" ", text).split()}
    held = {word[at : at + length] for word in ordinary for length in (2, 3) for at in range(len(word) - length + 1)}
    return [name for name in names(MENTIONED + SPARE, seed) if name not in held][:MENTIONED]


def rule_file(count: int, known: Sequence[str], seed: int = 7) -> dict[str, Any]:
    """`count` rules, in the form of rule files; entities are only those that a rule is about."""
    luck = random.Random(seed + count)
    pool = min(len(known), round(count * NAMES_A_RULE) + 50)
    shapes = luck.choices([shape for shape, _ in _SHARES], [share for _, share in _SHARES], k=count)
    watched: dict[int, None] = {}
    rules = []
    for number, shape in enumerate(shapes):
        first = luck.randrange(pool)
        second = _partner(first, pool, luck)
        watched[first] = None
        if shape not in ("one", "title"):
            watched[second] = None
        rules.append({"id": f"r{number}", "name": f"규칙 {number}", "when": _when(shape, f"@e{first}", f"@e{second}")})
    entities = [{"id": f"e{at}", "name": known[at], "kind": _KINDS[at % len(_KINDS)]} for at in sorted(watched)]
    return {"entities": entities, "rules": rules}


def _partner(first: int, pool: int, luck: random.Random) -> int:
    begin = first - first % CLUSTER
    among = range(begin, min(begin + CLUSTER, pool)) if luck.random() < PARTNERS else range(pool)
    second = luck.choice(among)
    return second if second != first else (first + 1) % pool


def _when(shape: Shape, first: str, second: str) -> str:
    return {
        "one": first,
        "and": f"{first} AND {second}",
        "and_not": f"{first} AND NOT {second}",
        "near": f"{first} NEAR/{NEAR_WORDS} {second}",
        "title": f"title:{first}",
    }[shape]


def articles(count: int, known: Sequence[str], seed: int = 11) -> Iterator[dict[str, Any]]:
    """`count` articles of about `LENGTH` characters, as they travel on Kafka."""
    writer = _Writer(known, random.Random(seed))
    for number in range(count):
        yield {
            "id": f"bench-{seed}-{number}",
            "url": f"https://example.com/{seed}/{number}",
            "source": f"가상일보 {number % 300}",
            "published_at": f"2026-03-{number % 28 + 1:02}T09:00:00+09:00",
            "title": writer.filled(_TITLE),
            "text": writer.text(),
        }


class _Writer:
    def __init__(self, known: Sequence[str], luck: random.Random) -> None:
        self._known = known
        self._luck = luck
        self._last = 0

    def text(self) -> str:
        luck = self._luck
        reporter = "".join(luck.choices("나라온가람도솔미르하늘", k=3))
        begin = f"[{self.filled('{0}')}=가온일보 {reporter} 기자]"
        written = paragraphs(begin, LENGTH - CHROME, self._sentence)
        chrome = f"{reporter} 기자 desk{luck.randrange(500)}@example.com"
        return "\n".join([*written, chrome, _OWNER])

    def filled(self, template: str) -> str:
        return filled(template, self._name)

    def _sentence(self) -> str:
        luck = self._luck
        return self.filled(luck.choice(_TEMPLATES)) if luck.random() < NAMING else sentence(luck)

    def _name(self) -> str:
        luck = self._luck
        if luck.random() < IN_COMPANY:
            begin = self._last - self._last % CLUSTER
            self._last = luck.randrange(begin, min(begin + CLUSTER, len(self._known)))
        else:
            size = len(self._known)
            self._last = min(int(HEAD * ((size + HEAD) / HEAD) ** luck.random() - HEAD), size - 1)
        return self._known[self._last]
