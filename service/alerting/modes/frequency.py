"""Only when so many stories come within so long: then all of them at once."""

from service.alerting.modes.answers import Answer, Asked, Attach, Keep, Suppress, attached_as


def answer(asked: Asked) -> Answer:
    """Waits for company; who gets none in time is suppressed. The hold names its numbers: others open another."""
    if asked.alert.story.role == "taken_down":
        return Suppress("taken_down")
    if asked.told is not None:
        return Attach(attached_as(asked.alert, asked.told))
    wanted = asked.policy.frequency
    assert wanted is not None
    hold = f"frequency/{asked.alert.rule.id}/{wanted.stories}/{wanted.window_ms}"
    return Keep(hold, asked.now_ms + wanted.window_ms, "frequency")
