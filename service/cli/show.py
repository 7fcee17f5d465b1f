"""A webhook on a terminal: the rule, the article, and what was found, marked in its sentence."""

from datetime import datetime

from rich.console import Console
from rich.text import Text

from service.adapters.receiver import Received

MAX_MENTIONS = 3


def show_webhook(console: Console, received: Received, latency_ms: float | None = None) -> None:
    """Print one webhook; `latency_ms` is the time since its article was published, where that is known."""
    at = datetime.fromtimestamp(received.at_s).astimezone().strftime("%H:%M:%S")
    verdict = Text(" verified ", "black on green") if received.verified else Text(" NOT VERIFIED ", "white on red")
    since = Text(f" {latency_ms:.0f} ms after publishing" if latency_ms is not None else "", "cyan")
    try:
        data = received.payload["data"]
        rule, alerts = data["rule"], data["alerts"]
    except (ValueError, KeyError, TypeError):
        console.print(Text.assemble(f"{at} ", verdict, f" {len(received.body)} bytes that are no alert of Bongsu"))
        return
    console.print(Text.assemble(f"{at} ", verdict, since, "  ", (rule["name"], "bold"), f"  ({rule['id']})"))
    for alert in alerts:
        article = alert["article"]
        source = f"  {article['source']}" if article.get("source") else ""
        console.print(Text.assemble("         ", (article.get("title") or article["id"], "underline"), (source, "dim")))
        for mention in alert["mentions"][:MAX_MENTIONS]:
            console.print(_mention(mention))
        more = len(alert["mentions"]) - MAX_MENTIONS
        if more > 0:
            console.print(Text(f"         … and {more} more", "dim"))


def _mention(mention: dict[str, str]) -> Text:
    line = Text(f"         {mention['zone']:<8} ", "dim")
    sentence = Text(mention["sentence"], "none")
    sentence.highlight_words([mention["text"]], "yellow")
    sentence.highlight_words([mention["surface"]], "bold yellow")
    name = f"  [{mention['entity']}]" if mention.get("entity") else ""
    return Text.assemble(line, sentence, (name, "dim"))
