"""What sends webhooks runs on both event loops that it meets in production; everything else on asyncio's."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

ON_BOTH = frozenset({"test_http_misbehaviour.py", "test_webhook_client.py"})


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Any] = {"asyncio": asyncio.new_event_loop}
    if item.path.name in ON_BOTH:
        try:
            import uvloop
        except ImportError:  # there is none for Windows
            return factories
        factories["uvloop"] = uvloop.new_event_loop
    return factories
