"""A webhook on a terminal: the rule, the article, and what was found, marked in its sentence."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from service.adapters.receiver import Received

MAX_MENTIONS = 3
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_INDENT = " " * 9


def make_console() -> Console:
    """For stdout: pretty on a terminal; in a pipe every line stays one line."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=100)


def show_webhook(console: Console, received: Received, latency_ms: float | None = None) -> None:
    """Print one webhook; `latency_ms` is the time since its article was published, where that is known."""
    at = datetime.fromtimestamp(received.at_s).astimezone().strftime("%H:%M:%S")
    verdict = Text(" verified ", "black on green") if received.verified else Text(" NOT VERIFIED ", "white on red")
    since = Text(f" {latency_ms:.0f} ms after publishing" if latency_ms is not None else "", "cyan")
    try:
        data = received.payload["data"]
        rule, alerts = data["rule"], [list(_alert(alert)) for alert in data["alerts"]]
        title = Text.assemble((_plain(rule["name"]), "bold"), f"  ({_plain(rule['id'])})")
    except (ValueError, KeyError, TypeError, AttributeError):
        said = _said(received) or f"{len(received.body)} bytes that are no alert of Bongsu"
        console.print(Text.assemble(f"{at} ", verdict, since, f" {said}"))
        return
    console.print(Text.assemble(f"{at} ", verdict, since, "  ", title))
    for lines in alerts:
        for line in lines:
            console.print(line)


def _said(received: Received) -> str | None:
    """The sentence of a webhook in another format (Slack, Teams, Discord), or of another type; None without one."""
    try:
        value = received.payload
        found = [value.get(name) for name in ("text", "summary", "content")] + [
            (value.get("data") or {}).get("summary")
        ]
    except (ValueError, AttributeError):
        return None
    return next((_plain(one) for one in found if isinstance(one, str) and one), None)


def _alert(alert: dict[str, Any]) -> Iterator[Text]:
    article, mentions = alert["article"], alert["mentions"]
    source = f"  {_plain(article['source'])}" if article.get("source") else ""
    yield Text.assemble(_INDENT, (_plain(article.get("title") or article["id"]), "underline"), (source, "dim"))
    yield from map(_mention, mentions[:MAX_MENTIONS])
    if len(mentions) > MAX_MENTIONS:
        yield Text(f"{_INDENT}… and {len(mentions) - MAX_MENTIONS} more", "dim")


def _mention(mention: dict[str, Any]) -> Text:
    zone = Text(f"{_INDENT}{_plain(mention['zone']):<8} ", "dim")
    sentence = Text(_plain(mention["sentence"]), "none")
    for words, style in (("text", "yellow"), ("surface", "bold yellow")):
        if marked := _plain(mention[words]):
            sentence.highlight_words([marked], style)
    name = f"  [{_plain(mention['entity'])}]" if mention.get("entity") else ""
    return Text.assemble(zone, sentence, (name, "dim"))


def _plain(value: object) -> str:
    """Without control characters: what a stranger wrote must not steer the terminal."""
    return _CONTROL.sub(" ", str(value))
