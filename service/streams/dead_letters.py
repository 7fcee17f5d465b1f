"""What cannot be read goes to `dead-letters` as it came, with where it stood and why in its headers.

A record that was as large as its topic allows, or larger before its producer compressed it, would with our headers be
too large for `dead-letters`, and a worker that cannot write it would stand still for ever: such a value is cut, and the
header `size` says how long it was.
"""

from typing import Any

from service.model import topics
from service.streams.outputs import Output

MAX_REASON_BYTES = 1_000
MAX_KEY_BYTES = 4_000
MAX_VALUE_BYTES = topics.BY_NAME[topics.DEAD_LETTERS].max_message_bytes - MAX_REASON_BYTES - MAX_KEY_BYTES - 1_000


def dead_letter(message: Any, topic: str, reason: str) -> Output:
    """`message` is Faust's; `topic` is its name without the prefix."""
    value: bytes | None = message.value
    cut = value is not None and len(value) > MAX_VALUE_BYTES
    return Output(
        topics.DEAD_LETTERS,
        None if message.key is None else message.key[:MAX_KEY_BYTES],
        value[:MAX_VALUE_BYTES] if value is not None else None,
        (
            ("topic", topic.encode()),
            ("partition", str(message.partition).encode()),
            ("offset", str(message.offset).encode()),
            ("timestamp", str(int(message.timestamp * 1000)).encode()),
            ("reason", reason.encode("utf-8", "replace")[:MAX_REASON_BYTES]),
            *((("size", str(len(value)).encode()),) if cut and value is not None else ()),
        ),
    )
