"""What happens to one delivery, write by write; docs/crash-tables.md says what a crash between two costs."""

from collections.abc import Callable
from typing import Protocol

from service import logs
from service.delivery.attempts import (
    Answer,
    Failure,
    Finish,
    Post,
    RetryPolicy,
    WaitUntil,
    after_post,
    before_post,
)
from service.delivery.headers import webhook_headers
from service.delivery.schedule import retry_after, tier_for
from service.delivery.trace import trace
from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.partition import Job
from service.dispatcher.progress import Progress
from service.dispatcher.writer import Headers, Place, Writer
from service.model import topics
from service.model.errors import InvalidSubscription
from service.model.records import AttemptRecord, DeliveryRecord, SubscriptionRecord
from service.settings import DeliverySettings

MAX_DETAIL = 500
ONCE = RetryPolicy(())
"""Of a test: somebody waits for its answer."""


class Subscriptions(Protocol):
    """Where to send, and what to sign with."""

    def get(self, subscription: str, /) -> SubscriptionRecord | None:
        """None when it was removed."""
        ...


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
        metrics: DispatcherMetrics,
        progress: Progress,
        clock: Callable[[], float],
        luck: Callable[[], float],
    ) -> None:
        self._policy = RetryPolicy(settings.schedule_s, settings.jitter)
        self._writer = writer
        self._client = client
        self._subscriptions = subscriptions
        self._metrics = metrics
        self._progress = progress
        self._clock = clock
        self._luck = luck
        self._log = logs.get(__name__)

    def receiver(self, delivery: DeliveryRecord) -> SubscriptionRecord | None:
        """The subscription, if it may be sent to."""
        found = self._subscriptions.get(delivery.subscription)
        return None if found is None or found.paused else found

    async def spill(self, job: Job, tier_s: int, why: str) -> None:
        """Let a record rest in a tier, unchanged; no attempt."""
        job.went_to = await self._write(topics.retry_topic(tier_s), job.key, job.raw)
        self._metrics.spills.labels(why).inc()

    async def bury(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """A record that can never be used, as it came."""
        await self._writer.write(topics.DEAD_LETTERS, key, value, timestamp_ms=self._now_ms(), headers=headers)

    async def finish_unsent(self, job: Job, finish: Finish) -> None:
        """End a delivery without a POST: its time ran out, or there is nobody to send it to."""
        now_ms = self._now_ms()
        attempt = self._attempt(job.delivery, finish, None, now_ms, now_ms)
        await self._write_attempt(attempt)

    async def send(self, job: Job) -> int | None:
        """One attempt. Returns when the next is due if that is too soon for a tier to hold it, else None."""
        delivery = job.delivery
        started_ms = self._now_ms()
        receiver = self.receiver(delivery)
        command = before_post(
            due_ms=0, deadline_ms=delivery.deadline_ms, now_ms=started_ms, receiver=receiver is not None
        )
        if isinstance(command, Finish) or receiver is None:
            assert isinstance(command, Finish)
            await self.finish_unsent(job, command)
            return None
        assert isinstance(command, Post)
        answer = await self._post(delivery, receiver, started_ms)
        now_ms = self._now_ms()
        verdict = after_post(
            answer,
            attempts_made=delivery.attempts_made + 1,
            policy=self._policy if delivery.reason != "test" else ONCE,
            deadline_ms=delivery.deadline_ms,
            now_ms=now_ms,
            retry_after_s=retry_after(answer.retry_after, now_ms / 1000),
            luck=self._luck(),
        )
        assert isinstance(verdict, Finish | WaitUntil)
        attempt = self._attempt(delivery, verdict, answer, started_ms, now_ms)
        await self._write_attempt(attempt)
        self._count(attempt, answer, now_ms)
        if isinstance(verdict, WaitUntil):
            return await self.hand_on(job, attempt.number, verdict.due_ms)
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

    async def _post(self, delivery: DeliveryRecord, receiver: SubscriptionRecord, started_ms: int) -> Answer:
        body = delivery.body.encode()
        try:
            headers = webhook_headers(receiver, delivery.id, delivery.content_type, started_ms, body)
        except InvalidSubscription as error:
            return Answer(failure=Failure.BAD_SECRET, detail=f"nothing was sent: {error}")
        self._metrics.in_flight.inc()
        try:
            return await self._client.post(receiver.url, body, headers)
        finally:
            self._metrics.in_flight.dec()

    def _attempt(
        self, delivery: DeliveryRecord, verdict: Finish | WaitUntil, answer: Answer | None, started_ms: int, now_ms: int
    ) -> AttemptRecord:
        detail = verdict.detail if isinstance(verdict, Finish) else ""
        failure = verdict.failure if isinstance(verdict, Finish) else None
        if answer is not None:
            failure = answer.failure
            parts = (answer.detail, detail, answer.excerpt if failure else "")
            detail = "; ".join(part for part in parts if part)
        return AttemptRecord(
            delivery_id=delivery.id,
            subscription=delivery.subscription,
            number=delivery.attempts_made + 1,
            outcome=verdict.outcome if isinstance(verdict, Finish) else "retry",
            terminal=isinstance(verdict, Finish),
            status=None if answer is None else answer.status,
            error=None if failure is None else failure.value,
            detail=detail[:MAX_DETAIL] or None,
            body_sha256=delivery.body_sha256,  # checked when it was read
            started_ms=started_ms,
            duration_ms=answer.phases.total_ms if answer is not None else float(now_ms - started_ms),
            next_due_ms=verdict.due_ms if isinstance(verdict, WaitUntil) else None,
            published_ms=delivery.published_ms,
            reason=delivery.reason,
            **trace(answer, len(delivery.body.encode())),
        )

    async def _write_attempt(self, attempt: AttemptRecord) -> None:
        await self._write(topics.ATTEMPTS, attempt.subscription.encode(), attempt.encode())
        self._progress.made(attempt)
        self._metrics.attempts.labels(attempt.outcome).inc()
        if attempt.error is not None:
            self._metrics.attempt_errors.labels(attempt.error).inc()

    def _count(self, attempt: AttemptRecord, answer: Answer, now_ms: int) -> None:
        self._metrics.post_seconds.observe(answer.phases.total_ms / 1000)
        if attempt.outcome == "delivered" and attempt.reason == "live":
            self._metrics.latency.observe(max(0, now_ms - attempt.published_ms) / 1000)

    async def _write(self, topic: str, key: bytes | None, value: bytes) -> Place | None:
        return await self._writer.write(topic, key, value, timestamp_ms=self._now_ms())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
