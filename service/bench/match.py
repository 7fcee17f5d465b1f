"""`bongsu bench match`: CPU per article of matching rules, beside two simpler ways to do it, in one run.

Four things run in turn, round after round, over the same articles: `match` (normalise, zones, find, boundary, rules;
no second opinion), `line_to_line` (JSON in, every mention and suppressed occurrence as JSON out), `pyahocorasick` (the
bare text, the same boundary rules, then a loop over the rules of the names that were hit) and `plain` (our finding,
then every rule evaluated). Each figure is a median over the rounds.

More rules find more in the same articles. So growth is told twice: as it is, and between articles in which as many
rules fire, weighted as the articles of the smaller set are.
"""

import gc
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from service.adapters.rule_files import load_rules
from service.bench.simple_matchers import plain, with_pyahocorasick
from service.bench.watchlists import LENGTH, articles, mentioned, rule_file
from service.ingest.decode import decode_article
from service.matching.answer import answer
from service.matching.engine import Engine
from service.matching.ruleset import RuleSet
from service.matching.schema import EntityModel, RuleModel
from service.model.article import Article
from service.model.errors import WrongSetup

SIZES = (100, 1_000, 10_000, 100_000)
ARTICLES = 400
ROUNDS = 9
PLAIN_WORK = 60_000
"""Rules times articles of one round of `plain`, which looks at every rule."""
MOST = 6
"""Matches from which articles are one group: there are few of them."""
Progress = Callable[[str], None]


@dataclass(slots=True)
class Contest:
    """One set of rules, and everybody who runs it."""

    label: str
    ruleset: RuleSet
    engine: Engine
    articles: list[Article]
    runs: dict[str, tuple[Callable[[Any], object], Sequence[Any]]]
    """Name to what is called with what."""
    left_out: int
    """Rules that `pyahocorasick` does not run: they use operators that its loop does not know."""
    ms: dict[str, list[float]] = field(default_factory=dict)
    """Of each round, for an article."""

    def round(self) -> None:
        """Everybody once over the articles."""
        for name, (work, items) in self.runs.items():
            begin = time.process_time()
            for item in items:
                work(item)
            self.ms.setdefault(name, []).append((time.process_time() - begin) / len(items) * 1_000)


def run(
    *,
    quick: bool = False,
    progress: Progress = lambda _line: None,
    rules: Path | None = None,
    articles_file: Path | None = None,
) -> dict[str, Any]:
    """The benchmark, as values that JSON can hold. With `rules` and `articles_file`, of those and no others."""
    rounds, count = (3, ARTICLES // 10) if quick else (ROUNDS, ARTICLES)
    contests = (
        [_contest("yours", load_rules(rules), _lines(articles_file))]
        if rules is not None and articles_file is not None
        else _made(count, progress)
    )
    gc.collect()
    gc.freeze()
    try:
        for number in range(rounds + 1):
            progress(f"round {number} of {rounds}" if number else "warming up")
            for contest in contests:
                contest.round()
                if not number:
                    contest.ms.clear()
        rows = [_row(contest) for contest in contests]
        equal = None if rules is not None else _growth_at_equal_matches(contests[-2], contests[-1], rounds)
    finally:
        gc.unfreeze()
    out: dict[str, Any] = {"rounds": rounds, "articles": len(contests[0].articles), "rows": rows}
    if rules is None:
        out["characters_per_article"] = LENGTH
        out["growth_10k_to_100k"] = _growth(*contests[-2:])
        out["growth_10k_to_100k_at_equal_matches"] = equal
    return out


def _made(count: int, progress: Progress) -> list[Contest]:
    known = mentioned()
    lines = [orjson.dumps(article) for article in articles(count, known)]
    contests = []
    for size in SIZES:
        progress(f"compiling {size} rules")
        contests.append(_contest(str(size), build(rule_file(size, known)), lines))
    return contests


def build(written: dict[str, Any]) -> RuleSet:
    """Rules as they come from the control topic: validated, without files."""
    items: list[tuple[EntityModel | RuleModel, Any]] = [
        (EntityModel.model_validate(one), _nowhere) for one in written["entities"]
    ]
    items += [(RuleModel.model_validate(one), _nowhere) for one in written["rules"]]
    return RuleSet.build(items)


def _nowhere(_path: object, _offset: int) -> tuple[str, int, int]:
    return "bench", 1, 1


def _lines(file: Path) -> list[bytes]:
    try:
        lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise WrongSetup(f"{file}: {error.strerror}; name a file of articles, one JSON object a line") from None
    if not lines:
        raise WrongSetup(f"{file}: no articles in it; write one JSON object a line")
    return lines


def _contest(label: str, ruleset: RuleSet, lines: list[bytes]) -> Contest:
    engine = Engine(ruleset)
    read = [decode_article(line) for line in lines]
    few = read[: max(3, min(len(read), PLAIN_WORK // len(ruleset.rules)))]
    simple, left_out = with_pyahocorasick(ruleset)
    return Contest(
        label,
        ruleset,
        engine,
        read,
        {
            "match": (engine.match, read),
            "line_to_line": (lambda line: answer(engine.examine(decode_article(line))), lines),
            "pyahocorasick": (simple, read),
            "plain": (plain(engine), few),
        },
        left_out,
    )


def _growth(smaller: Contest, larger: Contest) -> float:
    """How many times as much `match` costs with ten times the rules: the median over the rounds."""
    pairs = zip(smaller.ms["match"], larger.ms["match"], strict=True)
    return round(statistics.median(more / less for less, more in pairs), 3)


def _growth_at_equal_matches(smaller: Contest, larger: Contest, rounds: int) -> float:
    """The same between articles with as many matches: the median over rounds of their own."""
    groups = [_by_matches(contest) for contest in (smaller, larger)]
    shared = [matches for matches in groups[0] if matches in groups[1]]
    growths = []
    for number in range(rounds + 1):
        costs: list[float] = []
        for contest, of in zip((smaller, larger), groups, strict=True):
            cost = 0.0
            for matches in shared:
                begin = time.process_time()
                for article in of[matches]:
                    contest.engine.match(article)
                cost += (time.process_time() - begin) / len(of[matches]) * len(groups[0][matches])
            costs.append(cost)
        if number:  # the first is for warming up
            growths.append(costs[1] / costs[0])
    return round(statistics.median(growths), 3)


def _by_matches(contest: Contest) -> dict[int, list[Article]]:
    out: defaultdict[int, list[Article]] = defaultdict(list)
    for article in contest.articles:
        out[min(len(contest.engine.match(article).hits), MOST)].append(article)
    return out


def _row(contest: Contest) -> dict[str, Any]:
    engine, read = contest.engine, contest.articles
    medians = {name: statistics.median(ms) for name, ms in contest.ms.items()}
    found = [engine.examine(article) for article in read]
    return {
        "rules": len(contest.ruleset.rules),
        "entities": len(contest.ruleset.entities),
        "cpu_ms": {name: round(ms, 4) for name, ms in medians.items()},
        "to_match": {name: round(ms / medians["match"], 2) for name, ms in medians.items() if name != "match"},
        "matches_per_article": round(sum(len(one.hits) for one in found) / len(read), 2),
        "mentions_per_article": round(sum(len(one.mentions) for one in found) / len(read), 2),
        "suppressed_per_article": round(sum(len(one.suppressed) for one in found) / len(read), 2),
        "left_out_by_pyahocorasick": contest.left_out,
    }
