"""A token for the API that is measured: put on the topic directly, for `bench` is below `actions`."""

import hashlib
import secrets
import time
from typing import get_args

from service.adapters.control_topic import put
from service.adapters.kafka_client import make_producer, started, topic_name
from service.model import topics
from service.model.control_records import Scope, TokenRecord
from service.settings import KafkaSettings


async def make_token(settings: KafkaSettings) -> str:
    """One that may do everything, for a day."""
    token_id, now_ms = secrets.token_hex(8), time.time_ns() // 1_000_000
    text = f"bongsu_{token_id}_{secrets.token_urlsafe(32)}"
    record = TokenRecord(
        id=token_id, name="bench", scopes=get_args(Scope), sha256=hashlib.sha256(text.encode()).hexdigest(),
        created_ms=now_ms, expires_ms=now_ms + topics.DAY_MS, updated_ms=now_ms,
    )  # fmt: skip
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic_name(settings, topics.TOKENS), [(token_id, record.encode())])
    return text
