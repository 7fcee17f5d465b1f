"""docs/asyncapi.yaml: the topics as an AsyncAPI 3.0 document, from the topic table and the records' JSON Schemas.

It is for whoever reads or writes the topics with code of their own. What no table says (who writes and reads which
topic, and which records share one) stands here; a test compares it with the rights that docs/topics.md asks for.
"""

from dataclasses import dataclass, field
from typing import Any

import yaml

from service.adapters.topics_admin import wanted_configs
from service.model import topics
from service.model.record import SCHEMA
from service.model.topics import TOPICS, Topic

SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
BINDING = "0.5.0"


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of record: `schema` is a file of docs/schemas/, with a pointer into it where it is a part of one."""

    title: str
    summary: str
    schema: str | None = None
    payload: dict[str, Any] | None = None
    content_type: str = "application/json"
    headers: dict[str, Any] | None = None
    key: dict[str, Any] = field(default_factory=lambda: {"type": "string"})


_DEAD_LETTER_HEADERS: dict[str, Any] = {
    "type": "object",
    "required": ["topic", "partition", "offset", "timestamp", "reason"],
    "properties": {
        "topic": {"type": "string", "description": "where it stood"},
        "partition": {"type": "string", "pattern": "^[0-9]+$"},
        "offset": {"type": "string", "pattern": "^[0-9]+$"},
        "timestamp": {"type": "string", "pattern": "^[0-9]+$", "description": "milliseconds since the epoch"},
        "reason": {"type": "string", "description": "why it could not be read"},
        "size": {"type": "string", "pattern": "^[0-9]+$", "description": "bytes, where the value had to be cut"},
    },
}

_SHA = {"type": "string", "description": "kind, slash, sha256 hex[:32] of the value"}

MESSAGES: dict[str, Message] = {
    "article": Message("Article", "An article, or a new version of it.", "articles.json"),
    "taken-down": Message("Article taken down", "A null value: the article was removed.", payload={"type": "null"}),
    "match": Message("Match", "An article version in which any rule was found; an article taken down.", "matches.json"),
    "alert": Message("Alert", "One match addressed to one subscription.", "alerts.json"),
    "flush": Message("Flush", "Time as a record: a group or a hold is due.", "alerts.flush.json"),
    "decision": Message("Decision", "What became of one alert; the last of an alert id is current.", "decisions.json"),
    "delivery": Message("Delivery", "One notification to send, byte for byte.", "deliveries.json"),
    "attempt": Message("Attempt", "What one POST, or the decision not to POST, did.", "attempts.json"),
    "endpoint": Message("Endpoint", "An endpoint that has failed for a while.", "endpoints.json"),
    "rules-manifest": Message(
        "Rules manifest",
        "Which content-addressed records make one rule set.",
        "rules.json",
        key={"type": "string", "pattern": "^(current|previous)(/[a-z0-9-]+)?$"},
    ),
    "rule": Message("Rule", "One rule, at key `rule/<sha>`.", "rule-file.json#/$defs/RuleModel", key=_SHA),
    "entity": Message("Entity", "One entity, at key `entity/<sha>`.", "rule-file.json#/$defs/EntityModel", key=_SHA),
    "rules-part": Message(
        "Part of a manifest",
        "Keys of rules and entities, one a line, of a set that is too large for one record.",
        payload={"type": "string"},
        content_type="text/plain",
        key=_SHA,
    ),
    "subscription": Message("Subscription", "Who is told what, and where.", "subscriptions.json"),
    "silence": Message("Silence", "What is not told, until when.", "silences.json"),
    "token": Message("Token", "Who may use the API; of the token itself only the hash.", "tokens.json"),
    "change": Message("Change", "Who asked for which change, and what became of it.", "changes.json"),
    "removed": Message("Removed", "A null value: the key is forgotten.", payload={"type": "null"}),
    "dead-letter": Message(
        "Dead letter",
        "A record that could not be read, as it came.",
        payload={"description": "any bytes"},
        content_type="application/octet-stream",
        headers=_DEAD_LETTER_HEADERS,
        key={"description": "any bytes, or none"},
    ),
}
"""Message id -> what it is."""

_DELIVERIES = (topics.DELIVERIES, *map(topics.retry_topic, topics.RETRY_TIERS_S), topics.HELD)
_CONTROL = (topics.SUBSCRIPTIONS, topics.SILENCES, topics.TOKENS)

CARRIES: dict[str, tuple[str, ...]] = {
    topics.ARTICLES: ("article", "taken-down"),
    topics.MATCHES: ("match",),
    topics.ALERTS: ("alert", "flush"),
    topics.DECISIONS: ("decision",),
    **dict.fromkeys(_DELIVERIES, ("delivery",)),
    topics.ATTEMPTS: ("attempt",),
    topics.ENDPOINTS: ("endpoint", "removed"),
    topics.DEAD_LETTERS: ("dead-letter",),
    topics.RULES: ("rules-manifest", "rule", "entity", "rules-part", "removed"),
    topics.SUBSCRIPTIONS: ("subscription", "removed"),
    topics.SILENCES: ("silence", "removed"),
    topics.TOKENS: ("token", "removed"),
    topics.CHANGES: ("change",),
}
"""Topic -> the kinds of records on it."""

RECEIVES: dict[str, tuple[str, ...]] = {
    "worker": (topics.ARTICLES, topics.MATCHES, topics.ALERTS, topics.RULES, topics.SUBSCRIPTIONS, topics.SILENCES),
    "dispatcher": (*_DELIVERIES, topics.ATTEMPTS, topics.ENDPOINTS, topics.SUBSCRIPTIONS),
    "audit": (topics.ARTICLES, topics.MATCHES, topics.ALERTS, topics.DECISIONS, *_DELIVERIES, topics.ATTEMPTS),
    "api": (*_CONTROL, topics.RULES, topics.ARTICLES, topics.MATCHES, topics.ALERTS, topics.DECISIONS,
            topics.DELIVERIES, topics.ATTEMPTS, topics.DEAD_LETTERS),
    "history": (topics.ARTICLES, topics.MATCHES, topics.ALERTS, topics.DECISIONS, topics.DELIVERIES, topics.ATTEMPTS,
                topics.CHANGES),
}  # fmt: skip
"""Role -> the topics that it reads."""

SENDS: dict[str, tuple[str, ...]] = {
    "worker": (topics.MATCHES, topics.ALERTS, topics.DECISIONS, topics.DELIVERIES, topics.DEAD_LETTERS),
    "dispatcher": (*_DELIVERIES, topics.ATTEMPTS, topics.ENDPOINTS, topics.DEAD_LETTERS, topics.SUBSCRIPTIONS),
    "api": (topics.ARTICLES, topics.RULES, *_CONTROL, topics.DELIVERIES, topics.CHANGES),
}
"""Role -> the topics that it writes."""


def asyncapi() -> str:
    """The document as YAML."""
    text = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=110)
    return f"# Generated by `make docs` from service/cli/generate_asyncapi.py: do not edit.\n{text}"


def document() -> dict[str, Any]:
    """The document as what YAML makes of it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Bongsu topics",
            "version": f"{SCHEMA}.0.0",
            "description": "The Kafka topics of Bongsu. Every value carries `schema`; a newer number than a role knows "
            "stops that role. Before each address stands BONGSU_KAFKA_TOPIC_PREFIX. docs/topics.md says who needs "
            "which right, docs/architecture.md what happens between the topics.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "localhost:9092",
                "protocol": "kafka",
                "description": "BONGSU_KAFKA_BOOTSTRAP_SERVERS; with TLS and SASL where BONGSU_KAFKA_SECURITY_PROTOCOL "
                "says so.",
            }
        },
        "channels": {channel_id(topic.name): _channel(topic) for topic in TOPICS},
        "operations": {
            **{f"{role}-{verb}-{channel_id(name)}": _operation(role, action, name)
               for verb, action, table in (("reads", "receive", RECEIVES), ("writes", "send", SENDS))
               for role, names in table.items() for name in names},
        },
        "components": {"messages": {name: _message(message) for name, message in MESSAGES.items()}},
    }  # fmt: skip


def channel_id(topic: str) -> str:
    """Of a topic: ids may not hold dots."""
    return topic.replace(".", "-")


def _channel(topic: Topic) -> dict[str, Any]:
    configs: dict[str, Any] = {
        name: int(value)
        for name, value in wanted_configs(topic).items()
        if name in {"retention.ms", "max.message.bytes"}
    }  # what else topics are made with has no place in the binding
    configs["cleanup.policy"] = [topic.cleanup]
    return {
        "address": topic.name,
        "description": f"{topic.holds[0].upper()}{topic.holds[1:]}. Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in CARRIES[topic.name]},
        "bindings": {
            "kafka": {"partitions": topic.partitions, "topicConfiguration": configs, "bindingVersion": BINDING}
        },
    }


def _operation(role: str, action: str, topic: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel_id(topic)}"},
        "summary": f"`bongsu {role}` {'reads' if action == 'receive' else 'writes'} `{topic}`.",
    }


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": message.title,
        "summary": message.summary,
        "contentType": message.content_type,
        "bindings": {"kafka": {"key": message.key, "bindingVersion": BINDING}},
    }
    if message.schema is not None:
        found["payload"] = {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./schemas/{message.schema}"}}
    else:
        found["payload"] = message.payload
    if message.headers is not None:
        found["headers"] = message.headers
    return found
