"""What a mode can say of an alert, and what it is asked."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from service.alerting.group_state import Told
from service.alerting.policy import Policy
from service.model.notice import Change
from service.model.records import AlertRecord


@dataclass(frozen=True, slots=True)
class Tell:
    """It is news, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Attach:
    """It was told already; this one is a copy of it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Suppress:
    """Not to be told at all."""

    reason: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Not yet: it waits in a hold that is due at `until_ms`."""

    hold: str
    until_ms: int
    reason: str


Answer: TypeAlias = Tell | Attach | Suppress | Keep


@dataclass(frozen=True, slots=True)
class Asked:
    """One alert, and what its rule last told of its story."""

    alert: AlertRecord
    told: Told | None
    policy: Policy
    now_ms: int


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode: what its groups are made of, and its answer."""

    scope: Literal["article", "story"]
    answer: Callable[[Asked], Answer]


def is_version(alert: AlertRecord, told: Told) -> bool:
    """Whether it is a newer version of a story's article, or of the very one that was told; else it is a copy."""
    return alert.story.role == "version" or alert.article.id == told.article


def attached_as(alert: AlertRecord, told: Told) -> str:
    """What a later article of a story that was told is called."""
    return "version" if is_version(alert, told) else "copy"


def title_of(alert: AlertRecord) -> str:
    """The headline as it is compared: without its spacing."""
    return " ".join((alert.article.title or "").split())


def sentences_of(alert: AlertRecord) -> str:
    """Hash of the sentences that an alert shows, whatever their order and spacing."""
    sentences = sorted({" ".join(mention.sentence.split()) for mention in alert.mentions})
    return hashlib.blake2b("\n".join(sentences).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def changes_since(told: Told | None, alert: AlertRecord, tier: int, reason: str) -> tuple[Change, ...]:
    """What a notification for `reason` says was, and is now; nothing when it is the first."""
    if told is None:
        return ()
    if reason == "tier":
        return (Change("tier", str(told.tier), str(tier)),)
    if reason == "sources":
        return (Change("sources", str(told.sources), str(alert.story.sources)),)
    if reason == "sentence_changed":
        return (Change("sentence", None, next((one.sentence for one in alert.mentions), None)),)
    title = title_of(alert)
    return (Change("headline", told.title, title),) if title != told.title and reason != "taken_down" else ()
