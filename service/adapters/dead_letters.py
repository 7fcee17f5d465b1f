"""What cannot be read goes to `dead-letters` as it came, with where it stood and why in its headers.

A record that was as large as its topic allows, or larger before its producer compressed it, would with our headers be
too large for `dead-letters`, and a role that cannot write it would stand still for ever: such a value is cut, and the
header `size` says how long it was.
"""

from typing import Protocol

from service.adapters.writer import Output
from service.model import topics

MAX_REASON_BYTES = 1_000
MAX_KEY_BYTES = 4_000
MAX_VALUE_BYTES = topics.BY_NAME[topics.DEAD_LETTERS].max_message_bytes - MAX_REASON_BYTES - MAX_KEY_BYTES - 1_000


class Read(Protocol):
    """A record that was read: aiokafka's or Faust's."""

    @property
    def key(self) -> bytes | None:
        """As it came."""
        ...

    @property
    def value(self) -> bytes | None:
        """As it came."""
        ...

    @property
    def partition(self) -> int:
        """Where it stood."""
        ...

    @property
    def offset(self) -> int:
        """Where it stood."""
        ...


def dead_letter(record: Read, topic: str, reason: str, timestamp_ms: int) -> Output:
    """`record` as it came; `topic` is what its header shall call where it stood, `timestamp_ms` when it was written."""
    key, value = record.key, record.value
    headers = {
        "topic": topic.encode(),
        "partition": str(record.partition).encode(),
        "offset": str(record.offset).encode(),
        "timestamp": str(timestamp_ms).encode(),
        "reason": reason.encode("utf-8", "replace")[:MAX_REASON_BYTES],
    }
    if value is not None and len(value) > MAX_VALUE_BYTES:
        headers["size"] = str(len(value)).encode()
    return Output(
        topics.DEAD_LETTERS,
        None if key is None else key[:MAX_KEY_BYTES],
        None if value is None else value[:MAX_VALUE_BYTES],
        tuple(headers.items()),
    )
