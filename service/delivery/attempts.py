"""What an answer means for a delivery: a pure machine; the dispatcher only obeys `Post | WaitUntil | Finish`.

    due and alive --> Post --answer--> Finish(delivered)            2xx, nothing else
                                       WaitUntil(next)              any failure while the schedule and the deadline last
                                       Finish(given_up)             nothing of either is left
                                       WaitUntil(probe), then Hold  410, and 410 again from its endpoint
                                       WaitUntil(later), uncounted  nothing was asked: it cannot be signed or called
    not due       --> WaitUntil(due)
    past deadline --> Finish(expired)
    nobody there  --> Finish(undeliverable)
    paused, disabled --> Hold

Every other failure is tried again, refusals (4xx) and redirects too: a receiver that is being deployed answers 404 for
a minute, and an alert is worth more than the seven POSTs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from service.delivery.schedule import next_wait
from service.model.records import AttemptOutcome


class Failure(StrEnum):
    """Class of a failed attempt: the word in `attempts`, in the metrics and in the tests."""

    STATUS = "status"
    REDIRECT = "redirect"
    GONE = "gone"
    THROTTLED = "throttled"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    TOO_LARGE = "too_large"
    BLOCKED = "blocked"
    SUBSCRIPTION_GONE = "subscription_gone"
    BAD_SECRET = "bad_secret"  # noqa: S105 - a word for a metric
    EXPIRED = "expired"
    NETWORK = "network"
    RESOURCES = "resources"
    RESOLVER = "resolver"


OUR_SIDE = frozenset({Failure.NETWORK, Failure.RESOURCES, Failure.RESOLVER})
"""Faults of this machine: nothing was asked of the endpoint, so nothing is counted, and it is tried again soon.

`network`: no way out of here (no route, no interface); `resources`: no file, port or memory left for a connection;
`resolver`: our resolver does not answer (a name that does not exist is `dns`). A resolver that fails for one name only
may be that name's own servers: `service/delivery/our_side.py` looks for a second one.
"""


NOT_ASKED = frozenset({Failure.BAD_SECRET, Failure.BLOCKED})
"""Somebody has to change a setting or the subscription first: a key, an address that is allowed, a URL. No attempt is
counted meanwhile, or a night without the key would use up every schedule."""
MIN_UNASKED_S, MAX_UNASKED_S = 1.0, 1800.0
"""It is looked at again when it has waited as long again as it has already, within these."""

GONE_DETAIL = "the receiver answered 410 Gone: it wants no more of this"


@dataclass(frozen=True, slots=True)
class Phases:
    """Where the time of an attempt went, milliseconds; None for what was not reached or not needed."""

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one POST: a status, or the class of what went wrong, or both."""

    status: int | None = None
    failure: Failure | None = None
    detail: str = ""
    excerpt: str = ""
    """First characters of the body, without control characters."""
    retry_after: str | None = None
    """The header as it came."""
    address: str | None = None
    """Where the connection went."""
    body_bytes: int = 0
    sent: bool = False
    """The request went out, in part at least."""
    phases: Phases = Phases()

    @property
    def delivered(self) -> bool:
        """2xx and nothing else. A 2xx with more to say than is read counts: saying it again would not shorten it."""
        return self.status is not None and 200 <= self.status < 300 and self.failure in (None, Failure.TOO_LARGE)


def failure_of(status: int) -> Failure | None:
    """Class of a status; None for 2xx."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Failure.REDIRECT
    if status == 410:
        return Failure.GONE
    return Failure.THROTTLED if status == 429 else Failure.STATUS


@dataclass(frozen=True, slots=True)
class Post:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Send it again, not before `due_ms`."""

    due_ms: int
    counted: bool = True
    """This attempt is one of the schedule."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more is sent under this id."""

    outcome: AttemptOutcome
    failure: Failure | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep it, and send it under the same id when its subscription is resumed or enabled again."""

    reason: str
    failure: Failure | None = None


Command = Post | WaitUntil | Finish | Hold


def before_post(*, due_ms: int, deadline_ms: int, now_ms: int, receiver: bool, held: str | None = None) -> Command:
    """What to do with a delivery that was just read.

    Args:
        due_ms: not before this.
        deadline_ms: not after this.
        now_ms: the dispatcher's clock.
        receiver: the subscription exists.
        held: why it gets nothing now.
    """
    if not receiver:
        return Finish("undeliverable", Failure.SUBSCRIPTION_GONE, "the subscription was removed")
    if now_ms >= deadline_ms:
        return Finish("expired", Failure.EXPIRED, f"its time ran out {(now_ms - deadline_ms) / 1000:.0f} s ago")
    if held is not None:
        return Hold(held)
    return WaitUntil(due_ms) if now_ms < due_ms else Post()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and how far apart."""

    schedule_s: Sequence[float]
    jitter: float = 0.0
    by_failure: Mapping[Failure, Sequence[float]] = field(default_factory=dict)
    """Schedules of their own; an empty one is none."""
    refused_s: Sequence[float] = ()
    """Of 3xx and 4xx that have none of their own."""

    def schedule(self, failure: Failure, status: int | None) -> Sequence[float]:
        """Waits after the 1st, 2nd, ... attempt when this is how the last one failed."""
        refused = self.refused_s if status is not None and 300 <= status < 500 else ()
        return self.by_failure.get(failure) or refused or self.schedule_s


def after_post(  # noqa: PLR0913 - each is a separate fact
    answer: Answer,
    *,
    attempts_made: int,
    policy: RetryPolicy,
    deadline_ms: int,
    now_ms: int,
    retry_after_s: float | None,
    luck: float,
    gone_probe_s: float | None = None,
    gone: bool = False,
    late_s: float = 0.0,
    waited_s: float | None = None,
) -> Command:
    """What an answer means.

    Args:
        answer: of this attempt.
        attempts_made: with this one.
        policy: the waits between attempts.
        deadline_ms: a wait that ends after it is no wait: given up.
        now_ms: when the attempt ended.
        retry_after_s: what the answer asked for, in seconds.
        luck: in [0, 1), for the jitter.
        gone_probe_s: after a first 410, seconds until it is asked again; None: a 410 is a refusal like any other.
        gone: this 410 confirmed an earlier one of its endpoint.
        late_s: seconds from when this attempt was due to when it was made.
        waited_s: seconds since it was decided; None: what cannot be asked now is a failure like any other.
    """
    if answer.delivered:
        return Finish("delivered")
    failure = answer.failure or Failure.STATUS
    if gone:
        return Hold(GONE_DETAIL, failure)
    if failure in NOT_ASKED and waited_s is not None:
        again_s = min(max(waited_s, MIN_UNASKED_S), MAX_UNASKED_S)
        return _wait(now_ms, again_s, deadline_ms, failure, counted=False)
    schedule = policy.schedule(failure, answer.status)
    wait = gone_probe_s
    if wait is None or attempts_made > len(schedule) + 1:  # the last of the schedule may be asked once more
        wait = next_wait(
            schedule, attempts_made, retry_after_s=retry_after_s, luck=luck, jitter=policy.jitter, late_s=late_s
        )
    if wait is None:
        return Finish("given_up", failure, f"attempt {attempts_made} was the last of the schedule")
    return _wait(now_ms, wait, deadline_ms, failure)


def _wait(now_ms: int, wait_s: float, deadline_ms: int, failure: Failure, *, counted: bool = True) -> Command:
    due_ms = now_ms + round(wait_s * 1000)
    if due_ms >= deadline_ms:
        return Finish("given_up", failure, "the next attempt would come after the deadline")
    return WaitUntil(due_ms, counted)
