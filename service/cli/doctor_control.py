"""Rules of each tenant, subscriptions that cannot work, secrets and their age, tokens: what the control topics hold."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping

from service.actions.known_rules import KnownRules, known_in
from service.actions.tokens import state_of
from service.adapters.control import RulesFollower
from service.adapters.control_revisions import read_standing
from service.adapters.control_subscriptions import SUBSCRIPTION
from service.adapters.control_tokens import read_tokens
from service.adapters.rules_topic import read_rules
from service.adapters.topic_scan import scan
from service.alerting.selectors import Selector, fits_any
from service.cli.doctor_finding import Finding, now_ms, some, span
from service.cli.times import shown_time
from service.delivery.addresses import AddressPolicy, Refusal, check_url, foretold
from service.delivery.sealing import Keyring, is_sealed, opened_record, values_of
from service.delivery.signing import read_secret
from service.model import topics
from service.model.control_records import ChangeRecord, SubscriptionRecord
from service.model.errors import BadInput, InvalidSubscription
from service.model.records import EndpointRecord
from service.settings import Settings

SECRET_OLD_MS = 365 * topics.DAY_MS
"""Nothing fails then; but who has read it once can sign as us until it is exchanged."""
EXPIRES_SOON_MS = 7 * topics.DAY_MS
EXCHANGED = ("subscription.created", "subscription.secret_rotated")


async def rules(settings: Settings) -> AsyncIterator[Finding]:
    """Each tenant's rules: how many, which version, and whether the newest loads."""
    follower = RulesFollower(settings.kafka)
    await follower.start()
    await follower.stop()
    if not follower.tenants:
        yield Finding("error", "rules", "none are published", "`bongsu rules apply DIR` puts some in force")
    for tenant in follower.tenants:
        refused, ruleset = follower.refused_of(tenant), follower.of(tenant)
        version = (follower.version_of(tenant) or "")[:12]
        if refused is not None:
            stands = f"{version} stays" if ruleset is not None else "none is in force"
            yield Finding("error", "rules", f"{tenant}: the newest set does not load, {stands}: {refused}",
                          "mend it and run `bongsu rules apply DIR`")  # fmt: skip
        elif ruleset is not None and not ruleset.rules:
            yield Finding("warning", "rules", f"{tenant}: a set without rules is in force", "apply one that has some")
        elif ruleset is not None:
            yield Finding("ok", "rules", f"{tenant}: {len(ruleset.rules)} in force, version {version}")


async def subscriptions(settings: Settings) -> AsyncIterator[Finding]:
    """Who is told, and who cannot be."""
    standing = await read_standing(settings.kafka, SUBSCRIPTION)
    known = standing.all()
    for key in sorted(standing.untidy):
        yield Finding(
            "warning", "subscriptions", f"{key}: a change that lost is its last record, and compaction would keep it",
            "a running `bongsu api`, or any change of a subscription, writes what stands again",
        )  # fmt: skip
    for finding in (*_addresses(settings, known), *await _fitting(settings, known), *await _failing(settings, known)):
        yield finding
    operations = settings.delivery.operations_subscription
    if operations is not None and operations not in {record.id for record in known}:
        yield Finding("error", "subscriptions", f"BONGSU_DELIVERY_OPERATIONS_SUBSCRIPTION={operations} does not exist",
                      "nobody hears of endpoints that fail: name one of `bongsu subscriptions list`")  # fmt: skip
    if known:
        yield Finding("ok", "subscriptions", f"{len(known)}, {sum(record.paused for record in known)} of them paused")
    else:
        yield Finding("warning", "subscriptions", "none, so nobody is told", "`bongsu subscribe --url URL` makes one")


def _addresses(settings: Settings, known: Iterable[SubscriptionRecord]) -> list[Finding]:
    delivery = settings.delivery
    policy = AddressPolicy.of(delivery.allow_addresses, delivery.ports, allow_http=delivery.allow_http)
    found = []
    for record in known:
        verdict = check_url(record.url, policy)
        if not isinstance(verdict, Refusal):
            verdict = foretold(verdict, policy) or verdict
        if isinstance(verdict, Refusal):
            found.append(
                Finding("warning", "subscriptions", f"{record.id}: with the settings of this shell it is not called: "
                        f"{verdict}", "change its URL, or BONGSU_DELIVERY_* of the dispatchers")
            )  # fmt: skip
    return found


async def _fitting(settings: Settings, known: Collection[SubscriptionRecord]) -> list[Finding]:
    """Those for whom no rule in force is meant: they wait for nothing."""
    if not known:
        return []
    stored = (await read_rules(settings.kafka)).values
    in_force = {tenant: known_in(stored, tenant) for tenant in {one.tenant for one in known}}
    deaf = [record.id for record in known if not _fits(record, in_force[record.tenant])]
    if not deaf:
        return []
    return [Finding("warning", "subscriptions", f"no rule in force fits: {some(deaf)}; they are told of nothing",
                    "`bongsu subscriptions update ID --rule ...`, or apply the rules")]  # fmt: skip


def _fits(record: SubscriptionRecord, rules: KnownRules | None) -> bool:
    if rules is None:
        return False
    selector = Selector.of(record.rules)
    if fits_any(selector.entities, rules.entities):
        return True
    return any(selector.fits(rule.head.id, rule.head.tags) for rule in rules.rules)


async def _failing(settings: Settings, known: Iterable[SubscriptionRecord]) -> list[Finding]:
    """Endpoints that the dispatcher has disabled, or that have failed for a while."""
    by_id = {record.id: record for record in known}
    found = [
        Finding("warning", "subscriptions", f"{record.id} is disabled since {shown_time(record.disabled_ms)}: "
                f"{record.disabled_reason}", f"when its receiver is well: `bongsu subscriptions resume {record.id}`")
        for record in by_id.values()
        if record.disabled_ms is not None
    ]  # fmt: skip
    noted: dict[bytes, bytes | None] = {}
    async for one in scan(settings.kafka, topics.ENDPOINTS):
        noted[one.key or b""] = one.value
    for raw in filter(None, noted.values()):
        try:
            endpoint = EndpointRecord.decode(raw, topics.ENDPOINTS)
        except BadInput:
            continue
        record = by_id.get(endpoint.subscription)
        if record is not None and record.disabled_ms is None and record.revision <= endpoint.revision:
            found.append(
                Finding("warning", "subscriptions", f"{record.id} fails since {shown_time(endpoint.since_ms)}, "
                        f"{endpoint.failures} times in a row",
                        f"`bongsu attempts --subscription {record.id}` shows what it answers")
            )  # fmt: skip
    return found


async def secrets(settings: Settings) -> AsyncIterator[Finding]:
    """Do they stand sealed, can they be opened here, and how old are they?"""
    known = (await read_standing(settings.kafka, SUBSCRIPTION)).all()
    keys = settings.bongsu.keys
    found = [*_sealing(known, keys), *_unusable(known, keys)]
    exchanged = await _exchanged(settings, known)
    old = [one for one, at_ms in exchanged.items() if now_ms() - at_ms >= SECRET_OLD_MS]
    if old:
        found.append(
            Finding("warning", "secrets", f"of {some(old)} are older than {span(SECRET_OLD_MS / 1000)}",
                    "`bongsu subscriptions rotate-secret ID`: the old one signs beside the new for a day")
        )  # fmt: skip
    for finding in found:
        yield finding
    if known and not found:
        oldest_s = (now_ms() - min(exchanged.values())) / 1000
        yield Finding("ok", "secrets", f"of {len(known)} subscriptions can sign; the oldest is {span(oldest_s)} old")


def _sealing(known: Iterable[SubscriptionRecord], keys: Keyring | None) -> list[Finding]:
    found = []
    if clear := [record.id for record in known if not all(map(is_sealed, values_of(record)))]:
        todo = "run `bongsu subscriptions rekey`" if keys else "set BONGSU_SECRET_KEY (docs/webhooks.md), then rekey"
        found.append(Finding("warning", "secrets", f"of {len(clear)} subscriptions stand in clear on the topic", todo))
    former = [
        record.id
        for record in known
        if keys and any(is_sealed(value) and not keys.is_current(value) for value in values_of(record))
    ]
    if former:
        found.append(
            Finding("warning", "secrets", f"of {len(former)} subscriptions are sealed with a former key",
                    "run `bongsu subscriptions rekey`; only then may that key go from BONGSU_SECRET_KEY")
        )  # fmt: skip
    return found


def _unusable(known: Iterable[SubscriptionRecord], keys: Keyring | None) -> list[Finding]:
    found = []
    for record in known:
        try:
            for secret in opened_record(record, keys).secrets:
                read_secret(secret)
        except InvalidSubscription as error:
            todo = "give this shell and the roles the BONGSU_SECRET_KEY that it was sealed with, or rotate it"
            found.append(Finding("error", "secrets", f"{record.id}: {error}", todo))
    return found


async def _exchanged(settings: Settings, known: Iterable[SubscriptionRecord]) -> Mapping[str, int]:
    """When each subscription got the secrets that it has, by the log of changes (kept for 400 days)."""
    at_ms = {record.id: record.created_ms for record in known}
    async for record in scan(settings.kafka, topics.CHANGES):
        try:
            change = ChangeRecord.decode(record.value or b"", topics.CHANGES)
        except BadInput:
            continue
        if change.outcome == "done" and change.action in EXCHANGED and change.target in at_ms:
            at_ms[change.target] = max(at_ms[change.target], change.at_ms)
    return at_ms


async def tokens(settings: Settings) -> AsyncIterator[Finding]:
    """Who may use the API, and whose token ends soon."""
    now = now_ms()
    active = [record for record in await read_tokens(settings.kafka) if state_of(record, now) == "active"]
    for record in active:
        if record.expires_ms < now + EXPIRES_SOON_MS:
            yield Finding("warning", "tokens", f"{record.id} ({record.name}) expires {shown_time(record.expires_ms)}",
                          "`bongsu token create` makes the next; revoke this one when it is in use")  # fmt: skip
    yield Finding("ok", "tokens", f"{len(active)} active" if active else "none: nobody may use the API")
