"""Discord webhooks: one embed an alert, within Discord's sizes.

Discord counts as JavaScript does, in UTF-16 units. Markdown of articles is escaped, and nothing in them can call
anyone: `allowed_mentions` is empty.
"""

import re
from typing import Any

from service.delivery.formats_brief import Brief, Item, Quote, first_that_fits
from service.model.notice import Notice

MAX_CONTENT, MAX_TITLE, MAX_DESCRIPTION, MAX_FOOTER = 2000, 256, 4096, 2048
MAX_EMBEDS, MAX_ALL_EMBEDS = 10, 6000
COLOUR = 0xD9480F
"""Of fire."""
_MARKDOWN = re.compile(r"([\\*_~`|>\[\]()#<@:-])")


def discord(notice: Notice) -> str:
    """The body of one message.

    Raises:
        ValueError: no alerts, and it is no digest that says so.
    """
    return first_that_fits(notice, discord_message, _fits)


def discord_message(brief: Brief) -> dict[str, Any]:
    """What `brief` says, as the receiver takes it."""
    embeds = [_embed(item) for item in brief.items]
    if embeds and brief.footer:
        embeds[-1]["footer"] = {"text": clipped(brief.footer, MAX_FOOTER)}
    return {
        "content": clipped(escape(brief.summary), MAX_CONTENT),
        "embeds": embeds,
        "allowed_mentions": {"parse": []},
    }


def _fits(message: dict[str, Any]) -> bool:
    embeds = message["embeds"]
    texts = [text for embed in embeds for text in (embed["title"], embed.get("description", ""))]
    texts += [embed["footer"]["text"] for embed in embeds if "footer" in embed]
    return len(embeds) <= MAX_EMBEDS and sum(map(units, texts)) <= MAX_ALL_EMBEDS


def _embed(item: Item) -> dict[str, Any]:
    lines = [escape(item.byline)] if item.byline else []
    lines += [f"> {_quote(quote)}" for quote in item.quotes]
    embed: dict[str, Any] = {"title": clipped(escape(item.title), MAX_TITLE), "color": COLOUR}
    if item.url:
        embed["url"] = item.url
    if lines:
        embed["description"] = clipped("\n".join(lines), MAX_DESCRIPTION)
    return embed


def _quote(quote: Quote) -> str:
    found = f"**{escape(quote.found)}**" if quote.found else ""
    return f"{escape(quote.before)}{found}{escape(quote.after)}"


def escape(text: str) -> str:
    """Text that Discord's markdown leaves as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


def units(text: str) -> int:
    """Length as Discord counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def clipped(text: str, limit: int) -> str:
    """At most `limit` units, and no half of a surrogate pair at the end."""
    if units(text) <= limit:
        return text
    raw = text.encode("utf-16-le", "surrogatepass")[: 2 * (limit - 1)]
    return raw.decode("utf-16-le", "ignore") + "…"
