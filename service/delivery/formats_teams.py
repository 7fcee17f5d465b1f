"""Microsoft Teams (Workflows webhook): an Adaptive Card.

All text stands in RichTextBlocks, whose runs know no markdown: an article cannot format the card or put a link in it.
"""

from typing import Any

from service.delivery.formats_brief import Brief, Item, Quote, first_that_fits
from service.model.notice import Notice

CARD = "application/vnd.microsoft.card.adaptive"
VERSION = "1.4"


def teams(notice: Notice) -> str:
    """The body of one message. Teams takes 28 kB; ours are at most 20,000 bytes.

    Raises:
        ValueError: no alerts, and it is no digest that says so.
    """
    return first_that_fits(notice, teams_message, lambda _: True)


def teams_message(brief: Brief) -> dict[str, Any]:
    """What `brief` says, as the receiver takes it."""
    body = [_block([_run(brief.summary, weight="Bolder")])]
    for item in brief.items:
        body += _item(item)
    body.append(_block([_run(brief.footer or "-", isSubtle=True, size="Small")], separator=True))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "msteams": {"width": "Full"},
        "fallbackText": brief.summary,
        "body": body,
    }
    return {"type": "message", "summary": brief.summary, "attachments": [{"contentType": CARD, "content": card}]}


def _item(item: Item) -> list[dict[str, Any]]:
    link: dict[str, Any] = {"selectAction": {"type": "Action.OpenUrl", "url": item.url}} if item.url else {}
    head = [_run(item.title, weight="Bolder", **link)]
    if item.byline:
        head.append(_run(f"  {item.byline}", isSubtle=True))
    return [_block(head, separator=True), *(_block(_quote(quote), spacing="Small") for quote in item.quotes)]


def _quote(quote: Quote) -> list[dict[str, Any]]:
    runs = [_run(quote.before), _run(quote.found, highlight=True), _run(quote.after)]
    return [run for run in runs if run["text"]] or [_run("-")]


def _block(runs: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": runs, **more}


def _run(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **more}
