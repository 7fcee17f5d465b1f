"""Slack incoming webhooks: Block Kit, with a plain text for notifications.

Text from articles is escaped, so that no article can call a channel together or draw a link of its own.
"""

from typing import Any

from service.delivery.formats_brief import Brief, Item, Quote, first_that_fits
from service.model.notice import Notice

MAX_BLOCKS = 50
MAX_SECTION = 3000
"""Characters of the text of a section, escapes counted."""
_CONTEXT = 2000


def slack(notice: Notice) -> str:
    """The body of one message.

    Raises:
        ValueError: no alerts, and it is no digest that says so.
    """
    return first_that_fits(notice, slack_message, _fits)


def slack_message(brief: Brief) -> dict[str, Any]:
    """What `brief` says, as the receiver takes it."""
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _mrkdwn(escape(brief.summary))}]
    blocks += [{"type": "section", "text": _mrkdwn(_item(item))} for item in brief.items]
    blocks.append({"type": "context", "elements": [_mrkdwn(escape(brief.footer)[:_CONTEXT] or "-")]})
    return {"text": escape(brief.summary), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _fits(message: dict[str, Any]) -> bool:
    return len(message["blocks"]) <= MAX_BLOCKS and all(
        len(block["text"]["text"]) <= MAX_SECTION for block in message["blocks"] if block["type"] == "section"
    )


def _item(item: Item) -> str:
    title = escape(item.title)
    lines = [f"*<{escape(item.url)}|{title}>*" if item.url else f"*{title}*"]
    if item.byline:
        lines.append(escape(item.byline))
    return "\n".join([*lines, *(f"> {_quote(quote)}" for quote in item.quotes)])


def _quote(quote: Quote) -> str:
    found = f"*{escape(quote.found)}*" if quote.found else ""
    return f"{escape(quote.before)}{found}{escape(quote.after)}"


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True} if text else {"type": "mrkdwn", "text": "-"}


def escape(text: str) -> str:
    """The three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
