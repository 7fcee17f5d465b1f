"""Agent `match`: articles in, one record for each article in which any rule was found. Stateless."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from service import logs
from service.adapters.dead_letters import dead_letter
from service.adapters.writer import Output, Writer
from service.ingest.decode import decode_article
from service.matching.findings import Findings, Hit
from service.matching.layers import Matches
from service.matching.record import match_record, takedown_record
from service.metrics import WorkerMetrics
from service.metrics.latency import Waits
from service.model import topics
from service.model.errors import BadInput, NewerSchema
from service.settings import MatchingSettings
from service.streams.engines import Engines

EDITION = "default"
FRAME_BYTES = 1_000
"""Key, headers and the frame of a record, beside its value."""
MAX_ID = 512
TURN_S = 0.05
"""CPU time after which other tasks get a turn: a batch of very long articles must not make /healthz look dead."""


@dataclass(slots=True)
class _Tally:
    """What a batch adds to the metrics: to count it once costs less than to count each article."""

    matched: int = 0
    unmatched: int = 0
    taken_down: int = 0
    matches: int = 0
    shadow_matches: int = 0
    candidates: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    """Id -> articles in which it was found."""
    entities: dict[str, int] = field(default_factory=dict)
    """Id -> mentions."""
    passed_over: dict[str, int] = field(default_factory=dict)
    """Reason -> names that do not count."""
    waits: Waits = field(default_factory=Waits)

    def found(self, findings: Findings, hits: Sequence[Hit], published_s: float) -> None:
        """An article was matched; `hits`: without shadow rules."""
        self.shadow_matches += len(findings.hits) - len(hits)
        self.candidates += findings.woken
        for reason in findings.passed_over:
            self.passed_over[reason] = self.passed_over.get(reason, 0) + 1
        for hit in findings.hits:
            rule = hit.rule.id
            self.rules[rule] = self.rules.get(rule, 0) + 1
        if not hits:
            self.unmatched += 1
            self.waits.add(published_s)
            return
        self.matched += 1
        self.matches += len(hits)
        self.waits.add(published_s, findings.article.id)
        counted: set[int] = set()  # several rules may be about one name
        for hit in hits:
            for one in hit.occurrences:
                owner = one.surface.owner
                if owner is not None and id(one) not in counted:
                    counted.add(id(one))
                    self.entities[owner] = self.entities.get(owner, 0) + 1


class MatchStage:
    """What the agent does with a batch of articles."""

    def __init__(
        self,
        settings: MatchingSettings,
        engines: Engines,
        outputs: Writer,
        metrics: WorkerMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._engines = engines
        self._outputs = outputs
        self._metrics = metrics
        self._clock = clock
        self._log = logs.get(__name__)

    async def process(self, events: list[Any]) -> None:
        """Match a batch with one engine, write what was found, return when Kafka has it."""
        engine, version = await self._engines.current()
        taken_s = self._clock()
        consumed = Waits()
        for event in events:
            consumed.add(event.message.timestamp)
        self._metrics.latency.observe_all("consume", consumed, taken_s)
        written: list[Output] = []
        tally = _Tally()
        began_s = time.thread_time()
        for event in events:
            output = self._one(event.message, engine, version, tally)
            if output is not None:
                written.append(output)
            if (used_s := time.thread_time() - began_s) > TURN_S:
                self._metrics.match_seconds.inc(used_s)
                await asyncio.sleep(0)
                began_s = time.thread_time()
        self._metrics.match_seconds.inc(time.thread_time() - began_s)
        self._count(tally)
        self._metrics.batch.labels("match").observe(len(events))
        await self._outputs.write(written)
        self._metrics.latency.observe_all("match", tally.waits, self._clock())

    def _count(self, tally: "_Tally") -> None:
        for result in ("matched", "unmatched", "taken_down"):
            self._metrics.articles.labels(result).inc(getattr(tally, result))
        self._metrics.matches.inc(tally.matches)
        self._metrics.shadow_matches.inc(tally.shadow_matches)
        rules = self._metrics.rules
        rules.candidates.inc(tally.candidates)
        for reason, count in tally.passed_over.items():
            rules.passed_over.labels(reason).inc(count)
        rules.found(tally.rules, tally.entities)

    def _one(self, message: Any, engine: Matches, version: str, tally: "_Tally") -> Output | None:
        if message.value is None:
            tally.taken_down += 1
            tally.waits.add(message.timestamp)
            return self._taken_down(message, version)
        try:
            article = decode_article(message.value)
            findings = engine.match(article, message.timestamp)
            hits = [hit for hit in findings.hits if not hit.rule.shadow]
            value = self._encoded(findings, hits, version, message) if hits else None
        except NewerSchema:
            raise
        except BadInput as error:
            return self._dead(message, str(error), tally)
        except Exception as error:  # noqa: BLE001
            # a fault of ours on one article must not cost its neighbours
            self._log.exception("matching failed", offset=message.offset, partition=message.partition)
            return self._dead(message, f"internal error: {type(error).__name__}: {error}", tally)
        tally.found(findings, hits, message.timestamp)
        return None if value is None else Output(topics.MATCHES, EDITION.encode(), value)

    def _taken_down(self, message: Any, version: str) -> Output | None:
        """A null value: whether anybody was told of the article the story stage knows. Without a key it names none."""
        try:
            article = (message.key or b"").decode()
        except UnicodeDecodeError:
            article = ""
        if not 0 < len(article) <= MAX_ID:
            self._log.warning(
                "a null value without an article's id", partition=message.partition, offset=message.offset
            )
            return None
        value = takedown_record(
            article,
            edition=EDITION,
            rules_version=version,
            published_ms=round(message.timestamp * 1000),
            matched_ms=round(self._clock() * 1000),
        )
        return Output(topics.MATCHES, EDITION.encode(), value)

    def _dead(self, message: Any, reason: str, tally: "_Tally") -> Output:
        tally.waits.add(message.timestamp)
        self._metrics.articles.labels("dead_letter").inc()
        self._metrics.dead_letters.labels(topics.ARTICLES).inc()
        self._log.warning("article to dead-letters", reason=reason, partition=message.partition, offset=message.offset)
        return dead_letter(message, topics.ARTICLES, reason, round(message.timestamp * 1000))

    def _encoded(self, findings: Findings, hits: Sequence[Hit], version: str, message: Any) -> bytes:
        """The record, with less evidence where it would be too large for its topic."""
        evidence = self._settings.evidence_mentions
        while True:
            value = match_record(
                findings,
                hits,
                edition=EDITION,
                rules_version=version,
                evidence=evidence,
                published_ms=round(message.timestamp * 1000),
                matched_ms=round(self._clock() * 1000),
            )
            if len(value) <= topics.BY_NAME[topics.MATCHES].max_message_bytes - FRAME_BYTES:
                return value
            if evidence == 0:
                raise BadInput(
                    f"{len(hits)} rules fired: their record of {len(value)} bytes is too large for its topic"
                )
            evidence //= 2
