"""What a step of the group stage needs to know beside its state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.alerting.policy import Policy
from service.alerting.silence import Silence
from service.model.notice import Notice
from service.model.record import Format, Lang
from service.model.records import RuleHead


@dataclass(frozen=True, slots=True)
class Context:
    """Made once a batch and partition. What it says may change from batch to batch: what was decided is stored."""

    policy: Callable[[str, RuleHead | None], Policy | None]
    """What applies to a rule of a subscription (None: to the subscription itself); None: there is no such."""
    style: Callable[[str], tuple[Format, Lang]]
    """Format and language of a subscription; KeyError when there is none."""
    silences: Callable[[int], Sequence[Silence]]
    """Those that are active at a time (milliseconds)."""
    payload: Callable[[Notice], str]
    sent_through: int
    """Every output of this partition's offsets up to this one is acknowledged by Kafka; -1: of none."""
    time_to_live_ms: int
    """Where the policy does not say."""

    def time_to_live_of(self, policy: Policy) -> int:
        """How long what `policy` tells is of use (milliseconds)."""
        return self.time_to_live_ms if policy.time_to_live_ms is None else policy.time_to_live_ms
