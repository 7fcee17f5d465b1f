"""How a subscription wants to be told: the resolved policy, every field set, all times in milliseconds."""

from dataclasses import dataclass
from typing import Literal

Mode = Literal["each", "first", "update", "digest", "frequency"]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Local hours of local days (0 = Monday) in which nothing is told; `until` before `since` passes midnight."""

    since_minute: int
    until_minute: int
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Digest:
    """When a digest comes, in local minutes of local days (0 = Monday), and what it lists."""

    minutes: tuple[int, ...] = (9 * 60,)
    days: frozenset[int] = frozenset(range(7))
    top: int = 10
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Frequency:
    """So many stories within so long."""

    stories: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What applies to one rule of one subscription."""

    mode: Mode = "first"
    sources: tuple[str, ...] = ()
    langs: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    """Filters: globs, empty means all."""
    tier_at_most: int | None = None
    confidence_at_least: float | None = None
    tiers: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """(tier, globs of press names), the best first; the others are of tier 3."""
    group_wait_ms: int = 0
    group_interval_ms: int = 300_000
    sources_step: int | None = None
    on_tier: bool = False
    on_headline: bool = False
    throttle_ms: int = 0
    throttle_by: Literal["rule", "subscription"] = "rule"
    max_per_hour: int | None = None
    time_to_live_ms: int | None = None
    """None: as the settings say."""
    quiet: tuple[Quiet, ...] = ()
    timezone: str = "Asia/Seoul"
    urgent: tuple[str, ...] = ()
    """Globs of rules that pass through quiet hours."""
    digest: Digest = Digest()
    frequency: Frequency | None = None
    """Set in mode frequency."""
    inhibit: bool = True
