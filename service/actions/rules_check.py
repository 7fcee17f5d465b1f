"""Checking rules: do they load, and what will be regretted. Every fault with its file, line and column."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from service.adapters.rule_files import load_rules, load_text, places, places_in_text
from service.matching.lints import Lint, lint
from service.matching.ruleset import RuleSet
from service.matching.sense import Veto
from service.model.article import Article
from service.model.errors import InvalidRules, Problem

Places = dict[tuple[str, str], tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where rules stand: how to load them, and where in it each definition is."""

    load: Callable[[], RuleSet]
    """Raises InvalidRules."""
    places: Callable[[], Places]

    @classmethod
    def at(cls, path: Path) -> "Source":
        """A file, or a directory of them."""
        return cls(partial(load_rules, path), partial(places, path))

    @classmethod
    def of(cls, raw: bytes, name: str) -> "Source":
        """One file that is not on a disk; `name` stands for it in messages."""
        return cls(partial(load_text, raw, name), partial(places_in_text, raw, name))


def check(
    source: Source, *, now_s: float, veto: Veto | None, min_confidence: float, articles: Iterable[Article] = ()
) -> dict[str, Any]:
    """What `rules check --json` prints: `loads`, `errors`, `warnings` and, where they load, how much there is.

    Args:
        source: of the rules.
        now_s: seconds since the epoch, to know what has expired.
        veto: the second opinion on homographs; None: nobody is asked.
        min_confidence: as the engine is to run.
        articles: texts to look for names within longer words.
    """
    try:
        ruleset = source.load()
    except InvalidRules as error:
        return {"loads": False, "errors": [problem_dict(one) for one in error.problems], "warnings": []}
    reading = veto.reading if veto is not None else None
    found = list(lint(ruleset, now_s=now_s, reading=reading, min_confidence=min_confidence, articles=articles))
    counts = {"entities": len(ruleset.entities), "rules": len(ruleset.rules), "version": ruleset.version}
    return {"loads": True, **counts, "errors": [], "warnings": _placed(source, found)}


def problem_dict(problem: Problem) -> dict[str, Any]:
    """For JSON."""
    return {"file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message}


def _placed(source: Source, found: list[Lint]) -> list[dict[str, Any]]:
    """With file, line and column, in their order; the files are read again only if there is something to say."""
    where = source.places() if found else {}
    out = []
    for one in found:
        file, line, column = where[one.what, one.id]
        out.append(
            {"file": file, "line": line, "column": column, "kind": one.kind.value, one.what: one.id, "id": one.id,
             "message": one.message}
        )  # fmt: skip
    return sorted(out, key=lambda one: (one["file"], one["line"], one["kind"]))
