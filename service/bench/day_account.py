"""What is to be told of a planted day, worked out from what was planted: an account that asks nothing of Bongsu.

Slow and plain: one subscription at a time, every wait in one list that is searched for the earliest. It knows stories
and versions because the maker of the day told it, where Bongsu has to find them out; rules of telling are those of
docs/policies.md. What it does not work out: which stories a digest lists when there are more than it may show.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from service.bench.day_keeper import Keeper, Silence, fits
from service.bench.day_people import OUTAGE, Person
from service.bench.days import HOUR_MS, START_MS, Fact, source_name, tier_of

MAX_LISTED = 50
MAX_TOGETHER = 17
"""A story that waited for its copies is told with so many articles at most."""
MAX_HEIRS = 4
TIME_TO_LIVE_MS = 72 * HOUR_MS
DIGEST_REASONS = {
    "throttle": "throttle", "cap": "cap", "quiet": "quiet_hours", "digest": "digest", "silence": "silence_ended",
    "frequency": "frequency",
}  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Expected:
    """One notification."""

    at_ms: int
    kind: str
    reason: str
    listed: int
    """How many alerts it shows."""
    articles: tuple[str, ...]
    """Of which articles, sorted; empty where only their number is known."""
    held: int
    """Of a digest: how many alerts it stands for."""


@dataclass(slots=True)
class _Told:
    article: str
    title: str
    wording: bool | None
    sources: int
    tier: int
    at_ms: int


@dataclass(slots=True)
class _Wait:
    hold: str
    """Empty: in its own group."""
    until_ms: int
    since_ms: int
    reason: str
    fact: Fact
    rule: str
    copies: int
    order: int
    together: list[str] = field(default_factory=list)
    """Articles that wait with it, its own included."""
    heirs: dict[str, Fact] = field(default_factory=dict)
    """By article: what takes its place when it is taken down."""

    def inherits(self, facts: Iterable[Fact]) -> None:
        """Copies came. Beside what is held only the first few are remembered."""
        for fact in facts:
            room = MAX_TOGETHER - 1 if not self.hold else MAX_HEIRS
            if fact.article != self.fact.article and (fact.article in self.heirs or len(self.heirs) < room):
                self.heirs[fact.article] = fact

    def succeeded(self) -> bool:
        """The article is gone: whether a copy took its place."""
        if not self.heirs:
            return False
        self.fact = self.heirs.pop(next(iter(self.heirs)))
        return True


class Account:
    """What one subscription is to be told."""

    def __init__(
        self, person: Person, silences: Iterable[Silence], lead_of: dict[int, str], backlog: dict[int, int]
    ) -> None:
        """`lead_of`: first article of each story. `backlog`: when what came during the outage is worked at."""
        self._person = person
        self._policy: dict[str, Any] = person.line.policy.written() if person.line.policy else {}
        self._mode = self._policy.get("mode", "first")
        self._keeper = Keeper(person.line.id, self._policy, silences, lead_of)
        self._backlog = backlog
        self._told: dict[tuple[object, str], _Told] = {}
        self._waits: dict[tuple[object, str], list[_Wait]] = {}
        self._seen: set[tuple[str, str, str, bool]] = set()
        self._order = 0
        self._told_digests = START_MS if not person.since_ms else person.since_ms
        self.expected: list[Expected] = []

    def run(self, facts: Iterable[Fact], until_ms: int) -> list[Expected]:
        """All that it is to be told up to `until_ms`."""
        for fact in facts:
            now_ms = self._backlog.get(fact.at_ms, fact.at_ms)
            if not self._person.since_ms <= fact.at_ms < self._person.until_ms:
                continue
            self._tick(now_ms)
            for rule in self._person.rules:
                if rule.startswith("watch") or fact.narrow:
                    self._alert(fact, rule, now_ms)
        self._tick(until_ms)
        return sorted(self.expected)

    # -- an article ----------------------------------------------------------------------------------------------

    def _alert(self, fact: Fact, rule: str, now_ms: int) -> None:
        says = (rule, fact.article, "" if fact.kind == "taken_down" else fact.title, fact.wording)
        if fact.kind == "taken_down":
            says = (rule, fact.article, "\0", False)
        if says in self._seen:
            return
        self._seen.add(says)
        if self._is_filtered(fact) or fact.kind == "redated" or now_ms >= fact.at_ms + self._time_to_live_ms:
            return
        group: object = fact.article if self._mode == "each" else fact.story
        key = (group, rule)
        waits = self._waits.setdefault(key, [])
        told = self._told.get(key)
        reason = self._reason(fact, told)
        if fact.role == "taken_down" and reason is None:
            for one in waits:
                one.heirs.pop(fact.article, None)
                one.together = [article for article in one.together if article != fact.article]
            self._waits[key] = [one for one in waits if one.fact.article != fact.article or one.succeeded()]
            return
        if reason is None or self._is_muted(group, rule):
            return
        keep = self._keeper.kept(fact, rule, told.at_ms if told else None, now_ms, reason)
        if self._mode == "each":
            if keep is None:
                self._tell(fact, rule, key, reason, now_ms, (fact.article,))
            else:
                self._wait(keep, fact, rule, key, reason, now_ms)
            return
        self._of_story(fact, rule, key, reason, keep, now_ms)

    def _of_story(  # noqa: PLR0913
        self, fact: Fact, rule: str, key: tuple[object, str], reason: str, keep: tuple[str, int] | None, now_ms: int
    ) -> None:
        waits = self._waits[key]
        first = waits[-1] if waits else None
        untold = key not in self._told
        if keep is None:
            self._waits[key] = []
            self._tell(fact, rule, key, reason, now_ms, (fact.article,))
        elif first is None:
            self._wait(keep, fact, rule, key, reason, now_ms)
        elif untold and first.fact.article == fact.article and self._waits_on(first, keep):
            first.fact, first.copies = fact, fact.copies
        elif untold and not first.hold and not keep[0]:
            other = fact
            if self._richness(fact) > self._richness(first.fact):
                first.fact, other = fact, first.fact
                first.heirs.pop(fact.article, None)
            first.inherits([other])
            first.together = [*(article for article in first.together if article != fact.article), fact.article]
            first.copies = fact.copies
        elif untold and self._waits_on(first, keep):
            first.inherits([fact])
            first.copies = fact.copies
        else:
            waits.remove(first)
            hold, until_ms = keep
            if first.until_ms < until_ms and not hold.startswith("silence"):  # told as soon as either would have been
                hold, until_ms = first.hold, first.until_ms
            self._wait((hold, until_ms), fact, rule, key, reason, now_ms)
            if untold:
                waits[-1].inherits([*first.heirs.values(), first.fact])

    def _waits_on(self, first: _Wait, keep: tuple[str, int]) -> bool:
        """What comes while a story waits changes nothing of when it is told.

        A copy does not send what is held back to waiting for copies; what is silenced is no company to it.
        """
        if keep[0].startswith("silence"):
            return True
        if first.hold.startswith("silence") and keep[0].startswith("frequency"):
            return False
        return keep[1] >= first.until_ms or (not keep[0] and first.hold.startswith(("quiet", "throttle", "cap")))

    def _richness(self, fact: Fact) -> tuple[int, int]:
        return (-tier_of(fact.source) if "tiers" in self._policy else 0), fact.says

    def _reason(self, fact: Fact, told: _Told | None) -> str | None:
        """Why it would be told; None: it is no news."""
        if fact.role == "taken_down":
            known = self._mode == "update" and told is not None and told.article == fact.article
            return "taken_down" if known else None
        if self._mode == "each":
            return "each"
        if told is None:
            return self._mode if self._mode in {"digest", "frequency"} else "first"
        is_version = fact.role == "version" or fact.article == told.article
        return (self._update(fact, told) if self._mode == "update" and is_version else None) or self._again(
            fact, told, is_version=is_version
        )

    def _update(self, fact: Fact, told: _Told) -> str | None:
        if fact.title != told.title:
            corrected = "[정정]" in fact.title and "[정정]" not in told.title
            return "correction" if corrected else "headline_changed"
        return "sentence_changed" if fact.wording != told.wording else None

    def _again(self, fact: Fact, told: _Told, *, is_version: bool) -> str | None:
        again = self._policy.get("renotify", {})
        if again.get("tier") and tier_of(fact.source) < told.tier:
            return "tier"
        if again.get("sources_step") and fact.sources >= told.sources + again["sources_step"]:
            return "sources"
        return "headline" if again.get("headline") and is_version and fact.title != told.title else None

    def _is_filtered(self, fact: Fact) -> bool:
        wanted = self._policy.get("filters", {})
        return (
            (tier_of(fact.source) > wanted.get("tier_at_most", 3))
            or ("source" in wanted and not fits(wanted["source"], source_name(fact.source)))
            or ("section" in wanted and not fits(wanted["section"], fact.section))
        )

    def _is_muted(self, group: object, rule: str) -> bool:
        """A broad rule where the narrow one has told the story, or is about to."""
        narrow = (group, rule.replace("watch", "hearing"))
        if narrow == (group, rule):
            return False
        about_to = any(not one.hold.startswith("silence") for one in self._waits.get(narrow, ()))
        return narrow in self._told or about_to

    # -- what is due ---------------------------------------------------------------------------------------------

    def _tick(self, now_ms: int) -> None:
        """Everything that is due by now, the earliest first."""
        while True:
            due = min(self._dues(), default=None)
            if due is None or due[0] > now_ms:
                return
            at_ms = _flushed_at(due[0])
            if due[1] == "":
                self._own_wait(due[2], at_ms)
            else:
                self._flush(due[1], at_ms, at_ms - due[0])

    def _dues(self) -> Iterator[tuple[int, str, int]]:
        """(when, hold, order) of all that waits."""
        members: dict[str, list[_Wait]] = {}
        for waits in self._waits.values():
            for one in waits:
                if one.hold:
                    members.setdefault(one.hold, []).append(one)
                else:
                    yield one.until_ms, "", one.order
        for hold, waiting in members.items():
            reached = self._reached(waiting) if hold.startswith("frequency") else None
            yield (min(one.until_ms for one in waiting) if reached is None else reached[-1].since_ms), hold, 0
        if self._policy.get("digest", {}).get("empty"):
            due_ms = self._keeper.next_digest_ms(self._told_digests)
            if due_ms < self._person.until_ms:
                yield due_ms, f"digest/{due_ms}", 0

    def _reached(self, waiting: list[_Wait]) -> list[_Wait] | None:
        """Those that came within one window, when they are enough."""
        wanted = self._policy["frequency"]
        waiting.sort(key=lambda one: one.order)
        within = [one for one in waiting if waiting[-1].since_ms - one.since_ms < wanted["window_s"] * 1000]
        return within if len(within) >= wanted["stories"] else None

    def _company(self, hidden: list[_Wait]) -> list[_Wait]:
        """All of a hold; of what a silence hid of a frequency from the first on that had company enough."""
        if self._mode != "frequency":
            return hidden
        for last in range(len(hidden)):
            if reached := self._reached(hidden[: last + 1]):
                return reached + hidden[last + 1 :]
        return []

    def _own_wait(self, order: int, now_ms: int) -> None:
        key, one = next((key, one) for key, waits in self._waits.items() for one in waits if one.order == order)
        self._waits[key].remove(one)
        if now_ms >= self._person.until_ms:
            return
        keep = self._keeper.silenced(one.fact, one.rule, now_ms) or self._keeper.quiet(one.rule, now_ms)
        keep = keep or self._keeper.too_many(one.rule, now_ms)
        if keep is not None:
            self._wait(keep, one.fact, one.rule, key, one.reason, now_ms)
            self._waits[key][-1].copies = one.copies
            self._waits[key][-1].inherits(one.heirs.values())
            return
        reason = one.reason if key in self._told else "group_wait"
        self._tell(one.fact, one.rule, key, reason, now_ms, tuple(one.together))

    def _flush(self, hold: str, now_ms: int, late_ms: int) -> None:
        members = [(key, one) for key, waits in self._waits.items() for one in waits if one.hold == hold]
        members.sort(key=lambda item: item[1].order)
        kind = hold.partition("/")[0]
        if kind == "digest":
            self._told_digests = max(self._told_digests, int(hold.partition("/")[2]))
        if kind == "frequency" and (reached := self._reached([one for _, one in members])) is None:
            for key, one in members:
                if one.until_ms <= now_ms:
                    self._waits[key].remove(one)
            return
        orders = {
            one.order for one in (reached if kind == "frequency" else self._company([one for _, one in members])) or ()
        }
        if self._hidden([item for item in members if item[1].order in orders], now_ms):
            self._flush(hold, now_ms, late_ms)
            return
        for key, one in members:
            self._waits[key].remove(one)
        if now_ms >= self._person.until_ms:
            return
        members = [item for item in members if item[1].order in orders]
        alive = members if late_ms < self._time_to_live_ms else []
        if not alive and (members or not self._policy.get("digest", {}).get("empty")):
            return
        stories: dict[object, tuple[str, ...]] = {}
        for key, one in alive:
            self._told[key] = self._telling(one.fact, now_ms)
            stories.setdefault(one.order if self._mode == "each" else key[0], (one.rule, one.fact.article))
        top = self._policy.get("digest", {}).get("top", 10) if kind == "digest" else MAX_LISTED
        listed = list(stories.values())[:top]
        is_known = kind != "digest" or len(stories) <= top
        self._keeper.notified({rule for rule, _ in listed}, now_ms)
        self.expected.append(
            Expected(
                now_ms,
                "alert.matched" if kind == "frequency" else "alert.digest",
                DIGEST_REASONS[kind],
                len(listed),
                tuple(sorted(article for _, article in listed)) if is_known else (),
                len(alive),
            )
        )

    def _hidden(self, members: list[tuple[tuple[object, str], _Wait]], now_ms: int) -> bool:
        """Whether a silence began while some of them waited; those wait for its end now."""
        found = [(key, one, self._keeper.silenced(one.fact, one.rule, now_ms)) for key, one in members]
        for key, one, keep in found:
            if keep is not None:
                self._waits[key].remove(one)
                self._wait(keep, one.fact, one.rule, key, one.reason, now_ms)
                moved = self._waits[key][-1]
                moved.copies, moved.since_ms, moved.heirs = one.copies, one.since_ms, one.heirs
        return any(keep is not None for _, _, keep in found)

    # -- what is told --------------------------------------------------------------------------------------------

    def _wait(  # noqa: PLR0913
        self, keep: tuple[str, int], fact: Fact, rule: str, key: tuple[object, str], reason: str, now_ms: int
    ) -> None:
        self._order += 1
        one = _Wait(keep[0], keep[1], now_ms, reason, fact, rule, fact.copies, self._order, [fact.article])
        self._waits.setdefault(key, []).append(one)

    def _tell(  # noqa: PLR0913
        self, fact: Fact, rule: str, key: tuple[object, str], reason: str, now_ms: int, articles: tuple[str, ...]
    ) -> None:
        self._told[key] = self._telling(fact, now_ms)
        self._keeper.notified({rule}, now_ms)
        updates = {"headline_changed", "sentence_changed", "correction", "taken_down"}
        kind = "alert.updated" if reason in updates else "alert.matched"
        shown = tuple(sorted(articles)) if len(articles) <= MAX_TOGETHER else ()
        self.expected.append(Expected(now_ms, kind, reason, min(len(articles), MAX_TOGETHER), shown, 0))

    def _telling(self, fact: Fact, now_ms: int) -> _Told:
        gone = fact.role == "taken_down"
        tier = tier_of(fact.source) if "tiers" in self._policy else 3
        return _Told(fact.article, fact.title, None if gone else fact.wording, fact.sources, tier, now_ms)

    @property
    def _time_to_live_ms(self) -> int:
        own = self._policy.get("time_to_live_s")
        return TIME_TO_LIVE_MS if own is None else round(own * 1000)


def _flushed_at(at_ms: int) -> int:
    """When what is due at this time is told: after an outage."""
    return OUTAGE.until_ms if OUTAGE.at_ms <= at_ms < OUTAGE.until_ms else at_ms
