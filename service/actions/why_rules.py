"""Why no rule fired, by the rules that are in force now: changed since, expired, a shadow, or something was lacking."""

from service.actions.why_answer import ENGLISH, Answer
from service.actions.why_found import Found
from service.actions.why_nearest import nearest, watched_by
from service.actions.why_words import Words
from service.ingest.decode import decode_article
from service.matching.engine import Engine
from service.matching.entities import Rule
from service.matching.expiry import expired
from service.model.article import Article


def gone(found: Found, words: Words = ENGLISH) -> Answer:
    """There is no text to ask rules about."""
    name = "text_taken_down" if found.versions else "text_too_old"
    return Answer("no_rule", words.say(name, article=found.article))


def by_rules(engine: Engine, found: Found, rule: str | None, now_s: float, words: Words = ENGLISH) -> Answer:
    """The answer for the newest version that has a text, as of when it came; `gone` when none has.

    `now_s` (seconds since the epoch) is when it is asked: whether publishing the article again would help.
    """
    newest = next(((came_ms, raw) for came_ms, raw in reversed(found.versions) if raw is not None), None)
    if newest is None:
        return gone(found, words)
    came_ms, raw = newest
    written = (rule,) if rule is not None else found.subscriptions[found.subscription].rules
    watched = watched_by(engine.ruleset.rules, written)
    if not watched:
        return Answer("no_rule", words.say("no_such_rule", written=", ".join(written)))
    article = decode_article(raw)
    over = {one.id for one in expired(watched, came_ms / 1000)}
    ids = {one.id for one in watched}
    fires = [hit.rule for hit in engine.match(article).hits if hit.rule.id in ids]
    now = [one for one in fires if one.id not in over]
    loud = sorted((one for one in now if not one.shadow), key=lambda one: one.id)
    if loud:
        return _changed(loud, came_ms, now_s, words)
    if now:
        return Answer("shadow", words.say("shadow", rule=now[0].id))
    in_force = [one for one in watched if one.id not in over]
    if fires or not in_force:
        return _too_late(fires or watched, came_ms, words)
    return _lacked(engine, article, in_force, words)


def _changed(loud: list[Rule], came_ms: int, now_s: float, words: Words) -> Answer:
    still = len(list(expired(loud, now_s))) < len(loud)
    advice = words.say("publish_again" if still else "expired_by_now")
    rules = ", ".join(one.id for one in loud)
    return Answer("rules_changed", words.say("rules_changed", came=words.at(came_ms), rules=rules, advice=advice))


def _too_late(rules: list[Rule], came_ms: int, words: Words) -> Answer:
    days = ", ".join(f"{one.id} ({one.expires})" for one in rules[:5]) + (" ..." if len(rules) > 5 else "")
    return Answer("no_rule", words.say("rules_expired", came=words.at(came_ms), rules=days))


def _lacked(engine: Engine, article: Article, rules: list[Rule], words: Words) -> Answer:
    closest = nearest(engine, article, rules, words)
    assert closest is not None
    lacked = [words.say("lacked", terms=", ".join(closest.missing))] if closest.missing else []
    lacked += [words.say("unwanted", terms=", ".join(closest.unwanted))] if closest.unwanted else []
    there = words.say("there", terms=", ".join(closest.present)) if closest.present else ""
    sentence = words.say(
        "nearest", count=len(rules), rule=closest.rule.id, when=closest.rule.when,
        lacked=words.say("and").join(lacked) or words.say("not_as_wanted"), there=there,
    )  # fmt: skip
    return Answer("no_rule", sentence, notes=list(closest.nearly))
