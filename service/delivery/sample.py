"""An alert that nobody could take for news: what `bongsu test-delivery` sends, in the format of its subscription."""

from service.model.control_records import SubscriptionRecord
from service.model.records import AlertRecord, ArticleHead, Evidence, RuleHead, StoryHead

SENTENCE = "봉수대가 봉수구에서 시험 신호를 올렸다."


def sample_alert(subscription: SubscriptionRecord, now_ms: int, nonce: str = "0") -> AlertRecord:
    """An alert to `subscription`, of `now_ms`; its address can never exist (RFC 2606).

    `nonce`, up to 32 hexadecimal digits, makes its id: whoever drops what he has seen must not drop the second test.
    """
    return AlertRecord(
        alert_id=f"alr_{nonce:0>32}",
        match_id="mat_" + "0" * 32,
        subscription=subscription.id,
        story=StoryHead(id="sty_" + "0" * 32),
        rule=RuleHead(id="test", name="시험" if subscription.lang == "ko" else "test"),
        article=ArticleHead(
            id="test",
            url="https://news.example/test",
            title="봉수구, 시험 신호를 올리다" if subscription.lang == "ko" else "Bongsu-gu raises a test signal",
            source="봉수일보" if subscription.lang == "ko" else "Bongsu Daily",
        ),
        mentions=(
            Evidence(
                entity="bongsu-gu", surface="봉수구", text="봉수구에서", sentence=SENTENCE, zone="lead", field="text",
                start=5, end=8,
            ),
        ),
        format=subscription.format,
        lang=subscription.lang,
        published_ms=now_ms,
        matched_ms=now_ms,
        alerted_ms=now_ms,
    )  # fmt: skip
