"""The first article of a story; copies and versions are attached to it, and told only for a reason asked for."""

from service.alerting.modes.answers import Answer, Asked, Attach, Suppress, Tell, attached_as, is_version, title_of


def answer(asked: Asked) -> Answer:
    """News once; then when enough new sources, a better source or another headline tell it."""
    if asked.alert.story.role == "taken_down":
        return Suppress("taken_down")
    return again(asked) if asked.told is not None else Tell("first")


def again(asked: Asked) -> Tell | Attach:
    """Whether a story that was told is told once more: never because time went by."""
    alert, told, policy = asked.alert, asked.told, asked.policy
    assert told is not None
    sources, tier, title = alert.story.sources, policy.tier_of(alert.article.source), title_of(alert)
    if policy.on_tier and tier < told.tier:
        return Tell("tier")
    if policy.sources_step is not None and sources >= told.sources + policy.sources_step:
        return Tell("sources")
    if policy.on_headline and is_version(alert, told) and title != told.title:
        return Tell("headline")
    return Attach(attached_as(alert, told))
