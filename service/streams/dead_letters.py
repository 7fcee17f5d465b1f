"""What cannot be read goes to `dead-letters` as it came, with where it stood and why in its headers."""

from typing import Any

from service.model import topics
from service.streams.outputs import Output

MAX_REASON_BYTES = 1000


def dead_letter(message: Any, topic: str, reason: str) -> Output:
    """`message` is Faust's; `topic` is its name without the prefix."""
    return Output(
        topics.DEAD_LETTERS,
        message.key,
        message.value,
        (
            ("topic", topic.encode()),
            ("partition", str(message.partition).encode()),
            ("offset", str(message.offset).encode()),
            ("timestamp", str(int(message.timestamp * 1000)).encode()),
            ("reason", reason.encode("utf-8", "replace")[:MAX_REASON_BYTES]),
        ),
    )
