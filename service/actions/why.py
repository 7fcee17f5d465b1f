"""What became of an article for a subscription, and why: asked by the command and by the API."""

import asyncio

from service.actions.why_answer import Answer, answer_of, words_of
from service.actions.why_article import article_id
from service.actions.why_found import Found, find
from service.actions.why_rules import by_rules, gone
from service.actions.why_words import Words
from service.adapters.engines import compiler
from service.matching.ruleset import RuleSet
from service.model.record import DEFAULT_TENANT, Lang
from service.settings import Settings


async def why(  # noqa: PLR0913 - what is asked
    settings: Settings,
    subscription: str,
    article: str,
    *,
    since_ms: int,
    now_s: float,
    rule: str | None = None,
    tenant: str = DEFAULT_TENANT,
    lang: Lang = "en",
) -> Answer:
    """Read the topics from `since_ms` on and answer; changes nothing.

    Args:
        settings: of every section.
        subscription: who was, or was not, told.
        article: of what: its id, or the address that it was published at.
        since_ms: how far back to look, milliseconds since the epoch.
        now_s: the clock, seconds since the epoch.
        rule: only this one; None: all.
        tenant: whose the subscription is.
        lang: of the sentences.

    Raises:
        BadInput: there is no such subscription.
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or a topic does not exist.
        NewerSchema: a record was written by a newer Bongsu.
    """
    named = await article_id(settings.kafka, article, since_ms)
    found = await find(settings.kafka, subscription, named, since_ms, tenant)
    words = words_of(found, lang)
    answer = answer_of(found, rule, words)
    if answer is None:
        answer = await asyncio.to_thread(_no_rule, settings, found, rule, now_s, words)
    if named != article:
        answer.notes.insert(0, words.say("found_by_url", article=named))
    return answer


def _no_rule(settings: Settings, found: Found, rule: str | None, now_s: float, words: Words) -> Answer:
    """No rule that was asked for fired: what the rules that are in force now say of it."""
    if all(raw is None for _, raw in found.versions):
        return gone(found, words)
    engine = compiler(settings.matching)(RuleSet.from_records(found.rules))
    return by_rules(engine, found, rule, now_s, words)
