"""The control topics, as the roles and commands use them (one import for all)."""

from service.adapters.control_rules import Published, publish_rules
from service.adapters.control_silences import SilencesFollower, publish_silence, read_silences
from service.adapters.control_subscriptions import (
    OpenSubscriptions,
    SubscriptionsFollower,
    new_nonce,
    publish_subscription,
    read_subscriptions,
    remove_subscription,
)
from service.adapters.control_topic import ControlTopic, read_whole
from service.adapters.rules_follower import RulesFollower

__all__ = [
    "ControlTopic",
    "OpenSubscriptions",
    "Published",
    "RulesFollower",
    "SilencesFollower",
    "SubscriptionsFollower",
    "new_nonce",
    "publish_rules",
    "publish_silence",
    "publish_subscription",
    "read_silences",
    "read_subscriptions",
    "read_whole",
    "remove_subscription",
]
