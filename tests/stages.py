"""The three stages of the worker without Kafka: messages in, what they would write out."""

from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from service.adapters.writer import Output
from service.matching.engine import Engine
from service.metrics import WorkerMetrics
from service.streams.engines import Engines


@dataclass
class Message:
    """As Faust's, as far as the stages look."""

    value: bytes | None
    key: bytes | None = b"key"
    partition: int = 0
    offset: int = 0
    timestamp: float = 1_000.0


@dataclass
class Event:
    message: Message


@dataclass
class FakeOutputs:
    """Keeps what is written, in order."""

    written: list[Output] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    async def write(self, outputs):
        self.log.append("write")
        self.written += outputs

    def of(self, topic: str) -> list[Output]:
        return [output for output in self.written if output.topic == topic]


def events(*messages: Message | bytes | None) -> list[Any]:
    made = [one if isinstance(one, Message) else Message(one) for one in messages]
    for offset, message in enumerate(made):
        message.offset = message.offset or offset
    return [Event(message) for message in made]


def metrics() -> WorkerMetrics:
    return WorkerMetrics(CollectorRegistry())


def count(counter: Any, *labels: str) -> float:
    value: float = (counter.labels(*labels) if labels else counter)._value.get()
    return value


async def engines_of(ruleset: Any, compile_engine: Any = Engine) -> Engines:
    engines = Engines(compile_engine)
    engines.changed(ruleset)
    await engines.current()
    return engines
