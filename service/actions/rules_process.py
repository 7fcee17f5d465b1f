"""What is done with rules in a process of its own: parsing, compiling, trying and applying them.

A rule set takes seconds of CPU; the process that answers requests must not stand still for it. Whoever waits and goes
away (or waits too long) has its process killed; a publisher that dies leaves the old set whole. The functions below run
there: they take and give plain values, since an error's own fields would not travel.
"""

import asyncio
import functools
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, TypeVar

import anyio
import anyio.to_process

from service.actions.rules_backtest import outcome_of, stored_articles, summary
from service.actions.rules_check import Source, check, problem_dict
from service.actions.rules_explain import UnknownName, explain
from service.actions.rules_tests import run_tests
from service.adapters.collector import collector_held
from service.adapters.control_rules import publish_rules
from service.adapters.rule_files import load_text
from service.adapters.sense import make_veto
from service.ingest.decode import decode_article
from service.matching.backtest import Backtest
from service.matching.engine import Engine
from service.matching.ruleset import RuleSet
from service.matching.sense import Veto
from service.model.errors import (
    BadInput,
    BongsuError,
    ChangedMeanwhile,
    InvalidRules,
    NewerSchema,
    Problem,
    Unavailable,
    UndecodableArticle,
    WrongSetup,
)
from service.settings import KafkaSettings, MatchingSettings

DRAFT = "draft"
"""The name of a draft in its problems."""
DEADLINE_S = 60.0
"""Of reading and matching for one backtest; then it says how far it came."""
GRACE_S = 30.0
"""Beyond it, for loading the rules and for the answer."""
ENGINES = 2
"""Kept in a process: who writes a rule tries it on several articles."""
MAX_TESTS = 2_000
"""Of those that the rules of a draft carry: a check is answered within seconds."""
NO_TESTS: Mapping[str, Any] = {"tests": 0, "failed": 0, "failures": []}
T = TypeVar("T")
_ERRORS: dict[str, Callable[[str], BongsuError]] = {
    kind.__name__: kind for kind in (UnknownName, UndecodableArticle, ChangedMeanwhile, WrongSetup, Unavailable)
}
_ERRORS[NewerSchema.__name__] = WrongSetup  # made of other things than its text; no fault of the draft either


@dataclass(frozen=True, slots=True)
class Rules:
    """Which rules: a draft, or records of the topic. `key` names their content; records may be left out once known."""

    key: str
    draft: bytes | None = None
    records: Mapping[str, bytes] | None = None

    @classmethod
    def of_draft(cls, draft: bytes) -> "Rules":
        """One rule file, YAML or JSON."""
        return cls(f"draft/{hashlib.sha256(draft).hexdigest()}", draft)

    @classmethod
    def of_records(cls, version: str, records: Mapping[str, bytes]) -> "Rules":
        """A set as it stands on the topic."""
        return cls(f"records/{version}", records=records)


class RulesProcesses:
    """Runs them: one at a time of each kind, so that who tries rules on a day holds up nobody who checks one."""

    def __init__(self, matching: MatchingSettings, timeout_s: float) -> None:
        """`timeout_s`: of everything but a backtest, waiting for its turn included."""
        self._matching = matching
        self._timeout_s = timeout_s
        self._limits: dict[str, anyio.CapacityLimiter] = {}

    async def check(self, draft: bytes) -> dict[str, Any]:
        """As `rules check --json`, and of the tests that the rules carry what `rules test --json` says."""
        told: dict[str, Any] = await self._run("quick", self._timeout_s, _check, draft, self._matching)
        return told

    async def explain(self, rules: Rules, article: bytes, entity: str | None, rule_id: str | None) -> dict[str, Any]:
        """As `explain --json`.

        Raises:
            InvalidRules: they do not load.
            UnknownName: they have no such rule or entity.
            UndecodableArticle: it is no article.
            Unavailable: it took too long.
        """
        light = Rules(rules.key, rules.draft)
        told: dict[str, Any] | None
        told = await self._run("quick", self._timeout_s, _explain, light, article, entity, rule_id, self._matching)
        if told is None:  # that process has not met this version yet
            told = await self._run("quick", self._timeout_s, _explain, rules, article, entity, rule_id, self._matching)
        assert told is not None
        return told

    async def backtest(
        self, kafka: KafkaSettings, rules: Rules, against: Rules | None, *, since_ms: int, max_articles: int
    ) -> dict[str, Any]:
        """As `rules backtest --from-topic --json`, and `complete`: whether all since then was looked at.

        Raises:
            InvalidRules: they do not load.
            Unavailable, WrongSetup: Kafka does not answer or refuses us, or it took too long.
        """
        bounds = (since_ms, max_articles, DEADLINE_S)
        args = (kafka, rules, against, bounds, self._matching)
        told: dict[str, Any] = await self._run("backtest", DEADLINE_S + GRACE_S, _backtest, *args)
        return told

    async def apply(self, kafka: KafkaSettings, draft: bytes, tenant: str, expected: str | None) -> dict[str, Any]:
        """Put a draft in force for a tenant.

        Raises:
            InvalidRules: it does not load; nothing was changed.
            ChangedMeanwhile, Unavailable, WrongSetup: as `publish_rules`.
        """
        told: dict[str, Any] = await self._run("apply", None, _apply, kafka, draft, tenant, expected)
        return told

    async def _run(self, kind: str, timeout_s: float | None, function: Callable[..., Any], *args: Any) -> Any:
        limit = self._limits.setdefault(kind, anyio.CapacityLimiter(1))
        try:
            async with asyncio.timeout(timeout_s):
                tag, value = await anyio.to_process.run_sync(function, *args, cancellable=True, limiter=limit)
        except TimeoutError:
            raise Unavailable(
                f"it was not done within {timeout_s:g} s; try a smaller set, or `bongsu rules` in a shell"
            ) from None
        except anyio.BrokenWorkerProcess:
            raise Unavailable("the process that looked at the rules was killed, for want of memory perhaps") from None
        if tag == "invalid":
            raise InvalidRules([Problem(**one) for one in value])
        if tag != "done":
            said, outside = value
            error = _ERRORS.get(tag, BadInput)(said)
            raise error if outside is None else error.told_outside_as(outside)
        return value


def _told(work: Callable[..., Any]) -> Callable[..., tuple[str, Any]]:
    """An error of ours as plain values."""

    @functools.wraps(work)
    def told(*args: Any) -> tuple[str, Any]:
        try:
            return "done", work(*args)
        except InvalidRules as error:
            return "invalid", [problem_dict(one) for one in error.problems]
        except BongsuError as error:
            name = next((one.__name__ for one in type(error).__mro__ if one.__name__ in _ERRORS), "BadInput")
            return name, (str(error), error.outside)

    return told


@functools.cache
def _veto(morphology: bool) -> Veto | None:  # noqa: FBT001  a key of the cache
    return make_veto(warn=lambda _: None) if morphology else None


_engines: dict[str, Engine] = {}


def _engine(rules: Rules, matching: MatchingSettings) -> Engine | None:
    """None: records that were left out, and are not known here."""
    engine = _engines.pop(rules.key, None)
    if engine is None:
        if rules.draft is None and rules.records is None:
            return None
        with collector_held():
            ruleset = load_text(rules.draft, DRAFT) if rules.draft is not None else _from_records(rules.records or {})
            engine = Engine(ruleset, min_confidence=matching.min_confidence, veto=_veto(matching.morphology))
    _engines[rules.key] = engine
    while len(_engines) > ENGINES:
        del _engines[next(iter(_engines))]
    return engine


def _from_records(records: Mapping[str, bytes]) -> RuleSet:
    return RuleSet.from_records(records) if records else RuleSet((), (), {})


@_told
def _check(draft: bytes, matching: MatchingSettings) -> dict[str, Any]:
    source = Source.of(draft, DRAFT)
    veto = _veto(matching.morphology)
    told = check(source, now_s=time.time(), veto=veto, min_confidence=matching.min_confidence)
    return {**told, **(_test(draft, matching) if told["loads"] else NO_TESTS)}


def _test(draft: bytes, matching: MatchingSettings) -> Mapping[str, Any]:
    """The first tests of a draft that loads; without any no engine is made for it."""
    if b"tests" not in draft:
        return NO_TESTS
    engine = _engine(Rules.of_draft(draft), matching)
    assert engine is not None, "a draft is given whole"
    ran = list(islice(run_tests(engine, engine.ruleset.rules), MAX_TESTS))
    failures = [one.failure for one in ran if one.failure is not None]
    return {"tests": len(ran), "failed": len(failures), "failures": failures}


@_told
def _explain(
    rules: Rules, article: bytes, entity: str | None, rule_id: str | None, matching: MatchingSettings
) -> dict[str, Any] | None:
    engine = _engine(rules, matching)
    if engine is None:
        return None
    read = decode_article(article)
    return explain(engine, read, entity=entity, rule_id=rule_id, now_s=time.time()).as_dict()


@_told
def _backtest(
    kafka: KafkaSettings,
    rules: Rules,
    against: Rules | None,
    bounds: tuple[int, int, float],
    matching: MatchingSettings,
) -> dict[str, Any]:
    engine = _engine(rules, matching)
    other = None if against is None else _engine(against, matching)
    assert engine is not None, "a backtest is given its rules whole"
    return asyncio.run(_over_topic(kafka, engine, other, bounds))


async def _over_topic(
    kafka: KafkaSettings, engine: Engine, other: Engine | None, bounds: tuple[int, int, float]
) -> dict[str, Any]:
    since_ms, max_articles, deadline_s = bounds
    rules = {rule.id: rule for rule in engine.ruleset.rules}
    tally = Backtest(rules.values())
    unread = 0
    complete = True
    until = time.monotonic() + deadline_s
    articles = stored_articles(kafka, since_ms)
    try:
        async for one in articles:
            if tally.articles + unread >= max_articles or time.monotonic() > until:
                complete = False
                break
            try:
                article = decode_article(one.raw)
            except (BadInput, NewerSchema):
                unread += 1
                continue
            tally.add(outcome_of(article, engine, other, one.time_s))
    finally:
        await articles.aclose()  # type: ignore[attr-defined]  # it is a generator
    return {"complete": complete, **summary(tally, rules, unread, compared=other is not None)}


@_told
def _apply(kafka: KafkaSettings, draft: bytes, tenant: str, expected: str | None) -> dict[str, Any]:
    ruleset = load_text(draft, DRAFT)
    done = asyncio.run(publish_rules(kafka, ruleset, tenant=tenant, expected=expected))
    return {**asdict(done), "rules": len(ruleset.rules), "entities": len(ruleset.entities)}


async def while_there(work: Awaitable[T], is_gone: Callable[[], Awaitable[bool]], poll_s: float = 0.5) -> T | None:
    """What `work` gives; it is cancelled when whoever waits for it `is_gone`, and the answer is None then."""
    task = asyncio.ensure_future(work)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=poll_s)
            if done:
                return task.result()
            if await is_gone():
                return None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
