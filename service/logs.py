"""Structured logs on standard error: for people on a terminal, JSON otherwise; floods limited, secrets masked.

Third-party loggers (aiokafka, faust) go through the same chain. While a broker is away they write tens of thousands
of lines a minute, so lines of one origin and shape are counted after the first few of each ten seconds.
"""

import logging
import re
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

from service.settings import LogSettings

_SECRET = re.compile(
    r"(whsec_|whsk_|bongsu_[0-9a-f]{16}_|\b(?:[Bb]earer|[Bb]asic) )[A-Za-z0-9+/=._~-]{6,}|(://[^\s/:@]*:)[^\s/@]+(?=@)"
)
_SECRET_KEY = re.compile(r"secret|password|passwd|token|authorization", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
WINDOW_S = 10.0
UNLIMITED = frozenset({"service.api.access"})
"""Origins of which every line counts: who asked the API for what. Lines of strangers come from another."""
MAX_SHAPES = 1000
"""Origins and shapes remembered at once."""


def mask(text: str) -> str:
    """`text` without webhook secrets, bearer tokens and passwords in URLs."""
    return _SECRET.sub(lambda found: (found[1] or found[2]) + "***", text)


def _mask_keys(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What stands under a key that says what it is, however deep."""
    for key in event:
        event[key] = "***" if _SECRET_KEY.search(key) else _masked(event[key])
    return event


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "***" if _SECRET_KEY.search(str(key)) else _masked(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_masked(part) for part in value]
    if isinstance(value, tuple):  # exc_info is one
        return tuple(map(_masked, value))
    return value


def _mask_line(_: object, __: str, line: Any) -> str:
    """The last step: whatever was rendered, exceptions and other objects too."""
    return mask(str(line))


class FloodFilter(logging.Filter):
    """Lets `limit` records of one origin and shape through per window.

    The shape is the message template, or the message with its numbers left out. The next record of the same shape says
    how many were held back.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._limit = limit
        self._clock = clock
        self._seen: dict[tuple[str, str], list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True when the record may be written."""
        if record.name in UNLIMITED:
            return True
        template = record.msg.get("event", "") if isinstance(record.msg, dict) else str(record.msg)
        key = (record.name, _NUMBER.sub("0", template[:120]))
        now = self._clock()
        state = self._seen.get(key)
        if state is None or now - state[0] >= WINDOW_S:
            held = int(state[1]) - self._limit if state else 0
            if len(self._seen) >= MAX_SHAPES:
                self._seen = {shape: of for shape, of in self._seen.items() if now - of[0] < WINDOW_S}
            if len(self._seen) >= MAX_SHAPES:
                self._seen.clear()
            self._seen[key] = [now, 1]
            if held > 0 and isinstance(record.msg, str):
                record.msg = f"{record.msg} [{held} lines like this were held back]"
            elif held > 0 and isinstance(record.msg, dict):
                record.msg["held_back"] = held
            return True
        state[1] += 1
        return state[1] <= self._limit


Logger = structlog.stdlib.BoundLogger


def configure(settings: LogSettings, role: str) -> None:
    """Set up structlog and the standard library's logging for this process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.UnicodeDecoder(),
    ]
    console = settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty())
    render: list[Any] = (
        # plain: structlog's own choice shows the locals of every frame, and with them passwords
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(FloodFilter(settings.flood_per_10s))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask_keys, *render, _mask_line],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for noisy in ("aiokafka", "faust", "mode", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("aiokafka").propagate = True


def only_warnings() -> None:
    """For a command, after `configure`: its own output is the story.

    Kafka's clients are silent: what they raise becomes one sentence, and they would say it three times more.
    """
    root = logging.getLogger()
    root.setLevel(max(root.level, logging.WARNING))
    clients = logging.getLogger("aiokafka")
    clients.propagate = False
    if not clients.handlers:
        clients.addHandler(logging.NullHandler())


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
