"""All stories at local times, the best first."""

from service.alerting.calendar import next_digest_ms
from service.alerting.modes.answers import Answer, Asked, Attach, Keep, Suppress, attached_as


def answer(asked: Asked) -> Answer:
    """Waits for the next digest; a story stands in one digest only."""
    if asked.alert.story.role == "taken_down":
        return Suppress("taken_down")
    if asked.told is not None:
        return Attach(attached_as(asked.alert, asked.told))
    due_ms = next_digest_ms(asked.policy, asked.now_ms)
    return Keep(f"digest/{due_ms}", due_ms, "digest")
