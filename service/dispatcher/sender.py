"""What happens to one delivery, write by write; docs/crash-tables.md says what a crash between two costs."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from service import logs
from service.adapters.writer import Output, Place, Writer
from service.delivery.attempts import (
    Answer,
    Failure,
    Finish,
    Hold,
    Post,
    RetryPolicy,
    WaitUntil,
    after_post,
    before_post,
)
from service.delivery.formats_operational import EventType
from service.delivery.headers import traceparent, webhook_headers
from service.delivery.health import operational
from service.delivery.schedule import retry_after, tier_for
from service.delivery.trace import trace
from service.dispatcher.endpoints import Endpoints, Findings, Ticket
from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.partition import Job
from service.dispatcher.progress import Progress
from service.model import ids, topics
from service.model.control_records import SubscriptionRecord
from service.model.errors import InvalidSubscription
from service.model.records import AttemptOutcome, AttemptRecord, DeliveryRecord
from service.settings import DeliverySettings

MAX_DETAIL = 500
ONCE = RetryPolicy(())
"""Of a test: somebody waits for its answer."""


class Subscriptions(Protocol):
    """Where to send, and what to sign with."""

    def get(self, subscription: str, /) -> SubscriptionRecord | None:
        """None when it was removed."""
        ...


Publish = Callable[[SubscriptionRecord], Awaitable[None]]
"""Replaces a subscription."""


class Client(Protocol):
    """Who sends."""

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Never raises for what the other side does."""
        ...


class Sender:
    """Signs, posts, and writes down what came of it."""

    def __init__(  # noqa: PLR0913 - the parts that the composition root chooses
        self,
        settings: DeliverySettings,
        *,
        writer: Writer,
        client: Client,
        subscriptions: Subscriptions,
        endpoints: Endpoints,
        publish: Publish,
        metrics: DispatcherMetrics,
        progress: Progress,
        clock: Callable[[], float],
        luck: Callable[[], float],
    ) -> None:
        self._policy = policy_of(settings)
        self._tell = settings.operations_subscription
        self._endpoints = endpoints
        self._publish = publish
        self._writer = writer
        self._client = client
        self._subscriptions = subscriptions
        self._metrics = metrics
        self._progress = progress
        self._clock = clock
        self._luck = luck
        self._log = logs.get(__name__)

    def standing(self, delivery: DeliveryRecord) -> dict[str, Any]:
        """Whether its subscription exists, and why it gets nothing now. A test goes out all the same."""
        found = self._subscriptions.get(delivery.subscription)
        return {
            "receiver": found is not None,
            "held": found.held if found is not None and delivery.reason != "test" else None,
        }

    def may_be_sent_to(self, subscription: str) -> bool:
        """It is not paused or disabled (any more), or it is gone and what is held for it can end."""
        found = self._subscriptions.get(subscription)
        return found is None or found.held is None

    async def hold_back(self, job: Job, hold: Hold) -> None:
        """Let a delivery rest until its subscription is resumed; written to `attempts` when that begins."""
        if not job.partition.held:
            now_ms = self._now_ms()
            await self._write_attempt(self._attempt(job.delivery, hold, None, now_ms, now_ms))
        await self._rest_held(job)

    async def spill(self, job: Job, tier_s: int, why: str) -> None:
        """Let a record rest in a tier, unchanged; no attempt."""
        job.went_to = await self._write(topics.retry_topic(tier_s), job.key, job.raw)
        self._metrics.spills.labels(why).inc()

    async def bury(self, letter: Output) -> None:
        """A record that can never be used."""
        await self._writer.write_one(replace(letter, timestamp_ms=self._now_ms()))

    async def finish_unsent(self, job: Job, finish: Finish) -> None:
        """End a delivery without a POST: its time ran out, or there is nobody to send it to."""
        now_ms = self._now_ms()
        attempt = self._attempt(job.delivery, finish, None, now_ms, now_ms)
        await self._write_attempt(attempt)

    async def send(self, job: Job, ticket: Ticket) -> int | None:
        """One attempt. Returns when the next is due if that is too soon for a tier to hold it, else None.

        When a fault of ours kept it here, `job.unreached` says so, and nothing was written.
        """
        delivery = job.delivery
        started_ms = self._now_ms()
        receiver = self._subscriptions.get(delivery.subscription)
        answer: Answer | None = None
        try:
            command = before_post(
                due_ms=0, deadline_ms=delivery.deadline_ms, now_ms=started_ms, **self.standing(delivery)
            )
            if isinstance(command, Finish):
                await self.finish_unsent(job, command)
                return None
            if isinstance(command, Hold):
                await self.hold_back(job, command)
                return None
            assert isinstance(command, Post)
            assert receiver is not None
            answer = await self._post(delivery, receiver, started_ms)
        finally:
            if answer is None or delivery.reason == "test":
                self._endpoints.abandoned(delivery.subscription, ticket)
        return await self._judge(job, ticket, answer, started_ms)

    async def _judge(self, job: Job, ticket: Ticket, answer: Answer, started_ms: int) -> int | None:
        """What an answer means for the delivery and for its endpoint, written down."""
        delivery = job.delivery
        now_ms = self._now_ms()
        asked_s = retry_after(answer.retry_after, now_ms / 1000)
        findings = Findings()
        if delivery.reason != "test":
            findings = self._endpoints.ended(
                delivery.subscription, ticket, answer, retry_after_s=asked_s, now=time.monotonic(), now_ms=now_ms
            )
            if findings.ours is not None:
                job.unreached = findings.ours
                self._metrics.own_faults.labels(findings.ours.value).inc()
                self._log.warning(
                    "nothing was sent, by a fault of ours",
                    fault=findings.ours, detail=answer.detail, delivery=delivery.id, trace=delivery.trace,
                )  # fmt: skip
                return None
            await self._heed(findings, ticket, delivery, answer, now_ms)
        verdict = after_post(
            answer,
            attempts_made=delivery.attempts_made + 1,
            policy=self._policy if delivery.reason != "test" else ONCE,
            deadline_ms=delivery.deadline_ms,
            now_ms=now_ms,
            retry_after_s=asked_s,
            luck=self._luck(),
            gone_probe_s=findings.gone_probe_s,
            gone=findings.gone,
            late_s=(started_ms - delivery.due_ms) / 1000 if delivery.due_ms else 0.0,
            waited_s=(now_ms - delivery.created_ms) / 1000 if delivery.reason != "test" else None,
        )
        assert not isinstance(verdict, Post)
        attempt = self._attempt(delivery, verdict, answer, started_ms, now_ms)
        await self._write_attempt(attempt)
        if findings.note is not None or findings.well:
            kept = None if findings.note is None else findings.note.encode()
            await self._write(topics.ENDPOINTS, delivery.subscription.encode(), kept)
        self._metrics.post_seconds.observe(answer.phases.total_ms / 1000)
        if attempt.outcome == "delivered" and attempt.reason == "live":
            self._metrics.accepted(delivery, now_ms)
        if isinstance(verdict, WaitUntil):
            return await self.hand_on(job, delivery.attempts_made + verdict.counted, verdict.due_ms)
        if isinstance(verdict, Hold):
            await self._rest_held(job)
        return None

    async def hand_on(self, job: Job, attempts_made: int, due_ms: int) -> int | None:
        """Write the record of the next attempt to its tier; when due too soon for one, that is returned."""
        job.delivery = job.delivery.model_copy(update={"attempts_made": attempts_made, "due_ms": due_ms})
        job.raw = job.delivery.encode()
        tier_s = tier_for((due_ms - self._now_ms()) / 1000)
        if tier_s is None:
            return due_ms
        job.went_to = await self._write(topics.retry_topic(tier_s), job.key, job.raw)
        self._progress.handed_on(job.delivery)
        return None

    async def _rest_held(self, job: Job) -> None:
        job.went_to = await self._write(topics.HELD, job.key, job.raw)
        job.held_back = True

    async def _heed(
        self, findings: Findings, ticket: Ticket, delivery: DeliveryRecord, answer: Answer, now_ms: int
    ) -> None:
        """Disable the endpoint, tell whoever wants to know."""
        about = delivery.subscription
        record = self._subscriptions.get(about)
        if findings.disable is not None and record is not None and record.revision == ticket.revision:
            await self._publish(
                record.model_copy(
                    update={
                        "revision": record.revision + 1,
                        "disabled_ms": now_ms,
                        "disabled_reason": findings.disable,
                        "updated_ms": now_ms,
                    }
                )
            )
            self._log.warning("endpoint disabled", subscription=about, reason=findings.disable)
            await self._report("operational.endpoint_disabled", about, findings.disable, 100, now_ms, findings)
        elif findings.warn_percent is not None:
            why = answer.detail[:MAX_DETAIL]
            await self._report("operational.endpoint_failing", about, why, findings.warn_percent, now_ms, findings)
        elif findings.recovered:
            await self._report("operational.endpoint_recovered", about, "it accepts again", 0, now_ms, findings)

    async def _report(  # noqa: PLR0913 - the fields of the message
        self, kind: EventType, about: str, reason: str, percent: int, now_ms: int, findings: Findings
    ) -> None:
        self._metrics.endpoint_events.labels(kind.rpartition("_")[2]).inc()
        if self._tell in (None, about):
            return
        receiver = self._subscriptions.get(self._tell or "")
        told = operational(
            kind, to=self._tell or "", about=about, now_ms=now_ms, failures=findings.failures,
            since_ms=findings.since_ms, percent=percent, reason=reason,
            timestamp=datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            format_="bongsu" if receiver is None else receiver.format,
            lang="ko" if receiver is None else receiver.lang,
        )  # fmt: skip
        await self._write(topics.DELIVERIES, told.subscription.encode(), told.encode())

    async def _post(self, delivery: DeliveryRecord, receiver: SubscriptionRecord, started_ms: int) -> Answer:
        body = delivery.body.encode()
        try:
            trace_ = traceparent(delivery.trace, delivery.id, delivery.attempts_made + 1)
            headers = webhook_headers(receiver, delivery.id, delivery.content_type, started_ms, body, trace_)
        except InvalidSubscription as error:
            return Answer(failure=Failure.BAD_SECRET, detail=f"nothing was sent: {error}")
        self._metrics.in_flight.inc()
        self._metrics.posted(delivery, started_ms)
        try:
            return await self._client.post(receiver.url, body, headers)
        finally:
            self._metrics.in_flight.dec()

    def _attempt(
        self,
        delivery: DeliveryRecord,
        verdict: Finish | WaitUntil | Hold,
        answer: Answer | None,
        started_ms: int,
        now_ms: int,
    ) -> AttemptRecord:
        detail, failure = "", None
        if isinstance(verdict, Finish):
            detail, failure = verdict.detail, verdict.failure
        elif isinstance(verdict, Hold):
            detail, failure = f"held back: {verdict.reason}", verdict.failure
        if answer is not None:
            failure = answer.failure
            parts = (answer.detail, detail, answer.excerpt if failure else "")
            detail = "; ".join(part for part in parts if part)
        return AttemptRecord(
            delivery_id=delivery.id,
            subscription=delivery.subscription,
            number=delivery.attempts_made + 1,
            outcome=_outcome(verdict),
            terminal=isinstance(verdict, Finish),
            status=None if answer is None else answer.status,
            error=None if failure is None else failure.value,
            detail=detail[:MAX_DETAIL] or None,
            body_sha256=delivery.body_sha256,  # checked when it was read
            started_ms=started_ms,
            duration_ms=answer.phases.total_ms if answer is not None else float(now_ms - started_ms),
            next_due_ms=verdict.due_ms if isinstance(verdict, WaitUntil) else None,
            deadline_ms=delivery.deadline_ms,
            published_ms=delivery.published_ms,
            trace=delivery.trace or ids.trace_id(delivery.id),
            reason=delivery.reason,
            **trace(answer, len(delivery.body.encode())),
        )

    async def _write_attempt(self, attempt: AttemptRecord) -> None:
        await self._write(topics.ATTEMPTS, attempt.subscription.encode(), attempt.encode())
        self._progress.made(attempt)
        self._metrics.attempts.labels(attempt.outcome).inc()
        self._metrics.subscriptions.attempt(attempt.subscription, attempt.outcome)
        if attempt.error is not None:
            self._metrics.attempt_errors.labels(attempt.error).inc()

    async def _write(self, topic: str, key: bytes | None, value: bytes | None) -> Place | None:
        return await self._writer.write_one(Output(topic, key, value, timestamp_ms=self._now_ms()))

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def policy_of(settings: DeliverySettings) -> RetryPolicy:
    """Schedules by kind of failure, as the settings give them."""
    return RetryPolicy(
        settings.schedule_s,
        settings.jitter,
        {
            Failure.DNS: settings.schedule_dns_s,
            Failure.RESOLVER: settings.schedule_dns_s,
            Failure.CONNECT: settings.schedule_connect_s,
            Failure.RESET: settings.schedule_connect_s,
            Failure.TLS: settings.schedule_tls_s,
            Failure.TIMEOUT: settings.schedule_timeout_s,
            Failure.THROTTLED: settings.schedule_throttled_s,
        },
        settings.schedule_refused_s,
    )


def _outcome(verdict: Finish | WaitUntil | Hold) -> AttemptOutcome:
    if isinstance(verdict, Finish):
        return verdict.outcome
    return "retry" if isinstance(verdict, WaitUntil) and verdict.counted else "held"
