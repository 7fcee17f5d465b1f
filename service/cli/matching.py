"""What `match` and `explain` share: reading files and JSON Lines, the engine with its second opinion, JSON out."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from service.adapters.collector import collector_held
from service.adapters.rule_files import load_rules
from service.adapters.sense import make_veto
from service.ingest.decode import decode_article, decode_file
from service.matching.answer import answer
from service.matching.engine import Engine
from service.matching.sense import Veto
from service.model.article import Article
from service.model.errors import NewerSchema, UndecodableArticle, WrongSetup
from service.settings import Settings


class Job(NamedTuple):
    """One article to read: where it came from, and its bytes."""

    name: str
    line: int
    raw: bytes
    is_json: bool
    time_s: float | None = None
    """Of its record on a topic."""


def read_jobs(files: Iterable[str]) -> Iterator[Job]:
    """Every article of these files; blank lines of JSON Lines are none."""
    for name in files:
        if name == "-":
            yield from _lines("-", sys.stdin.buffer)
            continue
        path = Path(name)
        try:
            if path.suffix.lower() in {".jsonl", ".ndjson", ".json"}:
                with path.open("rb") as file:
                    yield from _lines(name, file)
            else:
                yield Job(name, 1, path.read_bytes(), False)
        except OSError as error:
            raise WrongSetup(
                f"{name}: {error.strerror}; name a .txt, .html or .jsonl file, or - for standard input"
            ) from None


def _lines(name: str, file: Iterable[bytes]) -> Iterator[Job]:
    for number, line in enumerate(file, 1):
        if line.strip():
            yield Job(name, number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, True)


def read_article(job: Job) -> Article:
    """The article of a job."""
    return decode_article(job.raw) if job.is_json else decode_file(job.name, job.raw)


class Matcher:
    """A job in, a line of output out."""

    def __init__(self, rules: Path) -> None:
        minimum = Settings().matching.min_confidence
        with collector_held():
            self.engine = Engine(load_rules(rules), min_confidence=minimum, veto=veto_by_settings())

    def __call__(self, job: Job) -> bytes:
        """The answer for one article, as a line of JSON."""
        try:
            article = read_article(job)
        except UndecodableArticle as error:
            wrong: dict[str, Any] = {"article": {"id": error.article_id}, "line": job.line, "error": error.reason}
        except NewerSchema as error:
            wrong = {"article": {"id": None}, "line": job.line, "error": str(error)}
        else:
            return answer(self.engine.examine(article, time.time()))
        return orjson.dumps(wrong, option=orjson.OPT_APPEND_NEWLINE)


def veto_by_settings() -> Veto | None:
    """The second opinion, unless the settings do without it."""
    return make_veto(warn=warn) if Settings().matching.morphology else None


def warn(message: str) -> None:
    """A warning for a person, on standard error."""
    sys.stderr.write(f"bongsu: {message}\n")
