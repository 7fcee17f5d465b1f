"""Times as people give them on a command line: `90s`, `30m`, `1h`, `7d` (ago), or a date and time."""

import re
import time
from datetime import datetime
from typing import Any

import click

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd])")


def span_s(text: str) -> float:
    """`1h` as seconds.

    Raises:
        ValueError: it is no span.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a span of time such as 90s, 30m, 1h or 7d")
    return float(found[1]) * _UNITS_S[found[2]]


def moment_ms(text: str, now_s: float) -> int:
    """`1h` (ago) or `2026-11-23T09:00+09:00` as milliseconds since the epoch; without an offset it is local time.

    Raises:
        ValueError: it is neither.
    """
    try:
        return round((now_s - span_s(text)) * 1000)
    except ValueError:
        pass
    try:
        return round(datetime.fromisoformat(text.strip()).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is neither a span such as 1h or 7d nor a time such as 2026-11-23T09:00") from None


def shown_time(at_ms: int) -> str:
    """Milliseconds since the epoch as local time with its offset."""
    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(timespec="seconds")


class Moment(click.ParamType):
    """An option that takes a moment; gives milliseconds since the epoch."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """From text; what is converted already stays."""
        if isinstance(value, int):
            return value
        try:
            return moment_ms(value, time.time())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Future(click.ParamType):
    """An option that takes a moment to come; gives milliseconds since the epoch."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """From text: `1h` is in an hour; without an offset a time is local."""
        if isinstance(value, int):
            return value
        try:
            return round((time.time() + span_s(value)) * 1000)
        except ValueError:
            pass
        try:
            return moment_ms(value, time.time())
        except ValueError:
            self.fail(f"{value!r} is neither a span such as 2h nor a time such as 2026-11-23T18:00", param, ctx)


class Span(click.ParamType):
    """An option that takes a span; gives seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """From text; what is converted already stays."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return span_s(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
