"""Why no rule fired, by the rules that are in force now: changed since, expired, a shadow, or something was lacking."""

from service.actions.why_answer import Answer, at
from service.actions.why_found import Found
from service.actions.why_nearest import nearest, watched_by
from service.ingest.decode import decode_article
from service.matching.engine import Engine
from service.matching.entities import Rule
from service.matching.expiry import expired
from service.model.article import Article


def gone(found: Found) -> Answer:
    """There is no text to ask rules about."""
    lost = "was taken down, and its text" if found.versions else "is older than what is kept, and its text"
    return Answer("no_rule", f"No rule fired in {found.article} that was asked for; it {lost} is not there any more.")


def by_rules(engine: Engine, found: Found, rule: str | None, now_s: float) -> Answer:
    """The answer for the newest version that has a text, as of when it came; `gone` when none has.

    `now_s` (seconds since the epoch) is when it is asked: whether publishing the article again would help.
    """
    newest = next(((came_ms, raw) for came_ms, raw in reversed(found.versions) if raw is not None), None)
    if newest is None:
        return gone(found)
    came_ms, raw = newest
    written = (rule,) if rule is not None else found.subscriptions[found.subscription].rules
    watched = watched_by(engine.ruleset.rules, written)
    if not watched:
        return Answer(
            "no_rule",
            f"There is no rule in force that {', '.join(written)} means; `bongsu subscriptions show` lists them.",
        )
    article = decode_article(raw)
    over = {one.id for one in expired(watched, came_ms / 1000)}
    ids = {one.id for one in watched}
    fires = [hit.rule for hit in engine.match(article).hits if hit.rule.id in ids]
    now = [one for one in fires if one.id not in over]
    loud = sorted((one for one in now if not one.shadow), key=lambda one: one.id)
    if loud:
        return _changed(loud, came_ms, now_s)
    if now:
        return Answer("shadow", f"{now[0].id} fired, and is a shadow rule: it is counted and never told.")
    in_force = [one for one in watched if one.id not in over]
    if fires or not in_force:
        return _too_late(fires or watched, came_ms)
    return _lacked(engine, article, in_force)


def _changed(loud: list[Rule], came_ms: int, now_s: float) -> Answer:
    still = len(list(expired(loud, now_s))) < len(loud)
    advice = (
        "Publish it again to have it told." if still else "By now it is expired, and publishing it again tells nobody."
    )
    return Answer(
        "rules_changed",
        f"No rule fired when the article came ({at(came_ms)}), but {', '.join(one.id for one in loud)} would now: the "
        f"rules were changed since, or the worker has not come to it yet. {advice}",
    )


def _too_late(rules: list[Rule], came_ms: int) -> Answer:
    days = ", ".join(f"{one.id} ({one.expires})" for one in rules[:5]) + (" ..." if len(rules) > 5 else "")
    return Answer(
        "no_rule",
        f"No rule fired that was in force when the article came ({at(came_ms)}). Expired by then: {days}. A later "
        "expires: brings a rule back for what comes from then on.",
    )


def _lacked(engine: Engine, article: Article, rules: list[Rule]) -> Answer:
    closest = nearest(engine, article, rules)
    assert closest is not None
    lacked = [f"it lacked {', '.join(closest.missing)}"] if closest.missing else []
    lacked += [f"{', '.join(closest.unwanted)} must not be there"] if closest.unwanted else []
    there = f"; there was {', '.join(closest.present)}" if closest.present else ""
    return Answer(
        "no_rule",
        f"None of the {len(rules)} rules that it watches fired. Nearest was {closest.rule.id} ({closest.rule.when}): "
        f"{' and '.join(lacked) or 'all terms were there, but not as the rule wants them'}{there}.",
        notes=list(closest.nearly),
    )
