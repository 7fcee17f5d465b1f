"""What `bongsu silence preview` shows of the alerts that it found."""

from service.cli.silence_preview import SHOWN, shown
from tests.builders import alert_record


def alert(article: str, subscription: str, at_ms: int):
    return alert_record(article=article).model_copy(update={"subscription": subscription, "alerted_ms": at_ms})


def test_an_article_stands_once_however_many_subscriptions_it_was_for() -> None:
    alerts = [alert("a1", f"sub{number}", 1_000) for number in range(3)] + [alert("a2", "sub0", 2_000)]
    newest, older = shown(alerts)
    assert "subscriptions" not in newest
    assert older.endswith("  (3 subscriptions)")


def test_the_newest_are_shown_and_the_others_counted() -> None:
    lines = list(shown([alert(f"a{number}", "sub1", number * 1_000) for number in range(SHOWN + 2)]))
    assert len(lines) == SHOWN + 1
    assert lines[-1] == "... and 2 more; --json shows every alert"
