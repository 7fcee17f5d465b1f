"""What rules would have found in articles that are there: how much, when, from whom, and how two sets differ."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from service.ingest.metadata import read_metadata
from service.ingest.reading import Document
from service.matching.engine import Engine
from service.matching.entities import Rule
from service.matching.findings import Findings
from service.model.article import Article

SAMPLES = 3
"""Articles shown of each rule and of each side of a difference."""
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sample:
    """One article in which a rule fires, as little of it as tells a person what it is."""

    article: str
    title: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one article gave: small, for it travels between processes."""

    day: str
    source: str
    fired: Mapping[str, Sample]
    """By rule id."""
    against: Mapping[str, Sample] | None = None
    """The same of the set that is compared with; None without one."""


def look(article: Article, engine: Engine, against: Engine | None, day: str | None, now_s: float | None) -> Outcome:
    """One article under one set of rules, or two.

    Args:
        article: as it was read.
        engine: of the rules that are tried.
        against: of those that they are compared with.
        day: of the article where it does not say itself when it was published.
        now_s: its time, for rules that expire; None: none has expired.
    """
    document = Document(article)
    published = str(article.published_at)[:10] if article.published_at else day
    return Outcome(
        published or UNKNOWN,
        article.source or read_metadata(document).source or UNKNOWN,
        _fired(engine.match_in(document, now_s)),
        _fired(against.match_in(document, now_s)) if against is not None else None,
    )


def _fired(findings: Findings) -> dict[str, Sample]:
    out = {}
    for hit in findings.hits:
        mentions = hit.mentions
        sentence = findings.sentence(mentions[0]) if mentions else ""
        out[hit.rule.id] = Sample(findings.article.id, findings.title, sentence)
    return out


@dataclass(slots=True)
class Volume:
    """What one rule found."""

    articles: int = 0
    by_day: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    gained: int = 0
    """Articles in which it fires and, in the set compared with, does not."""
    lost: int = 0
    gained_samples: list[Sample] = field(default_factory=list)
    lost_samples: list[Sample] = field(default_factory=list)


class Backtest:
    """Adds outcomes up."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = {rule.id: Volume() for rule in rules}
        """By id; rules of the set compared with come with their first article."""
        self.articles = 0
        self.fired_in = 0
        """Articles in which any rule fires."""
        self.by_day: Counter[str] = Counter()
        """Of those in which any fires."""

    def add(self, outcome: Outcome) -> None:
        """One article more."""
        self.articles += 1
        if outcome.fired:
            self.fired_in += 1
            self.by_day[outcome.day] += 1
        for rule, sample in outcome.fired.items():
            volume = self.rules.setdefault(rule, Volume())
            volume.articles += 1
            volume.by_day[outcome.day] += 1
            volume.by_source[outcome.source] += 1
            _keep(volume.samples, sample)
        if outcome.against is None:
            return
        for rule in outcome.fired.keys() - outcome.against.keys():
            volume = self.rules[rule]
            volume.gained += 1
            _keep(volume.gained_samples, outcome.fired[rule])
        for rule in outcome.against.keys() - outcome.fired.keys():
            volume = self.rules.setdefault(rule, Volume())
            volume.lost += 1
            _keep(volume.lost_samples, outcome.against[rule])


def _keep(samples: list[Sample], sample: Sample) -> None:
    if len(samples) < SAMPLES:
        samples.append(sample)
