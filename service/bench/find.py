"""`bongsu bench find`: CPU per article of finding alone, beside two simpler matchers, in one run.

The articles are those of `corpus`, 1,500 characters each; all names in them are watched. All matchers get the same
articles; `pyahocorasick` gets the same boundary check, `in` gets nothing but the names.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from service.bench.corpus import HOMOGRAPHS, LENGTH, articles, names
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


def read(count: int, watched: Sequence[str], homographs: float = 0.0) -> list[Article]:
    """Articles of the corpus, all of whose names are watched or homographs."""
    made = articles(count, watched, SEED, share=1.0, length=LENGTH, homographs=homographs)
    return [Article(one["id"], title=one["title"], text=one["text"]) for one in made]


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
    every = names(max(SIZES), SEED)
    corpus = read(count, every[:NAMED])
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
    watched = [*dict.fromkeys((*HOMOGRAPHS, *names(1_000, SEED)))]
    readings = {name: veto.reading(name) for name in watched}  # once for each surface, when rules load
    plain = [name for name, reading in readings.items() if reading is Reading.NAME and name not in HOMOGRAPHS]
    engine = Engine(rules_for(watched), veto=veto)
    for article in read(20, plain, 0.1):
        engine.match(article)
    corpus = read(max(count, 200) + 20, plain, 0.1)[20:]  # the first have been seen
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
