"""The headers of one webhook: the three of Standard Webhooks, the content type, and what the subscription adds.

Headers of a subscription are refused where they are written, not where they are sent: a line break in one would be a
second header, and a reserved name would let a subscription forge what the receiver trusts.
"""

import re
from collections.abc import Iterable, Mapping

from service.delivery.sealing import SEALED, is_sealed, is_sealed_url
from service.delivery.signing import signature_headers
from service.delivery.urls import SENSITIVE
from service.model import ids
from service.model.control_records import SubscriptionRecord
from service.model.errors import InvalidSubscription

MAX_HEADERS = 20
MAX_NAME, MAX_VALUE, MAX_TOTAL = 64, 1024, 8192
"""Characters of one name, of one value, and of all of them; servers refuse requests with more."""
TRACE = "traceparent"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_RESERVED = frozenset(
    {"accept-encoding", "connection", "cookie", "expect", "host", "http2-settings", "keep-alive", "te", "trailer",
     "transfer-encoding", "upgrade", "user-agent", "via", "x-http-method-override"}
)  # fmt: skip
_RESERVED_PREFIXES = ("content-", "webhook-", "proxy-", "sec-")


def parse_header(text: str) -> tuple[str, str]:
    """`Name: value` as a pair; nothing is checked but the colon.

    Raises:
        InvalidSubscription: there is none.
    """
    name, colon, value = text.partition(":")
    if not colon:
        raise InvalidSubscription("a header is written 'Name: value', e.g. 'X-Team: press-office'.")
    return name.strip(" "), value.strip(" ")


def read_headers(texts: Iterable[str]) -> dict[str, str]:
    """`Name: value` texts as headers that may be sent.

    Raises:
        InvalidSubscription: one may not, or a name is there twice.
    """
    pairs = [parse_header(text) for text in texts]
    headers = dict(pairs)
    if len(headers) < len(pairs):
        raise InvalidSubscription("a header is there twice.")
    check_headers(headers)
    for name in filter(lambda name: is_sealed(headers[name]), headers):
        raise InvalidSubscription(f"the value of {name} starts with {SEALED!r}, as only what Bongsu has sealed may.")
    return headers


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what may not be sent; messages name the header and never repeat its value.

    Raises:
        InvalidSubscription: a name or a value that is not allowed, or too much of them.
    """
    if len(headers) > MAX_HEADERS:
        raise InvalidSubscription(f"{len(headers)} headers; at most {MAX_HEADERS} are sent.")
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
            raise InvalidSubscription(
                f"{name[:MAX_NAME]!r} is no header name: letters, digits and -, at most {MAX_NAME} of them."
            )
        if lower in _RESERVED or lower.startswith(_RESERVED_PREFIXES):
            raise InvalidSubscription(f"the header {name} is set by Bongsu or by HTTP itself; take another name.")
        if lower in seen:
            raise InvalidSubscription(f"the header {name} is there twice.")
        if not _VALUE.fullmatch(value) or len(value) > MAX_VALUE:
            raise InvalidSubscription(
                f"the value of {name} cannot be sent: 1 to {MAX_VALUE} printable ASCII characters, no line breaks."
            )
        seen.add(lower)
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_TOTAL:
        raise InvalidSubscription(f"all headers together are longer than {MAX_TOTAL} characters.")


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """For lists: what is sealed, or whose name sounds like a secret, is masked."""
    return {name: "***" if is_sealed(value) or SENSITIVE.search(name) else value for name, value in headers.items()}


def secrets_at(record: SubscriptionRecord, now_ms: int) -> tuple[str, ...]:
    """Every secret that signs at `now_ms`, newest first; one that retires does so at its very millisecond."""
    return (*record.secrets, *(old.secret for old in record.retiring if now_ms < old.until_ms))


def traceparent(trace: str | None, delivery: str, number: int) -> str:
    """W3C Trace Context of one attempt. `trace`: of the first article in the delivery; None: it has none to follow."""
    return f"00-{trace or ids.trace_id(delivery)}-{ids.span_id(delivery, number)}-01"


def webhook_headers(  # noqa: PLR0913 - what an attempt is made of
    record: SubscriptionRecord, message_id: str, content_type: str, now_ms: int, body: bytes, trace: str | None = None
) -> dict[str, str]:
    """All headers of one attempt at `now_ms`, signed with every secret that is valid then.

    `trace` is its `traceparent`; one that the subscription sets itself stays.

    Raises:
        InvalidSubscription: a secret cannot sign, or a header cannot be sent.
        ValueError: `message_id` cannot be one.
    """
    check_headers(record.headers)
    if any(map(is_sealed, record.headers.values())) or is_sealed_url(record.url):
        raise InvalidSubscription(
            "its URL or headers are sealed with a key that BONGSU_SECRET_KEY of this role does not hold."
        )
    signed = signature_headers(secrets_at(record, now_ms), message_id, now_ms // 1000, body)
    own = {} if trace is None or any(name.lower() == TRACE for name in record.headers) else {TRACE: trace}
    return {**record.headers, **own, "Content-Type": content_type, **signed}
