"""Verify a webhook as a receiver would, and say why it does not verify.

A library answers only "no matching signature". A developer needs the cause: a stale clock, the secret of another
subscription, a web framework that parsed the JSON and wrote it again. The cause is found by trying the usual mistakes.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.delivery.signing import PUBLIC, HmacKey, read_public, read_secret, signed_content

TOLERANCE_S = 300.0

Check = Callable[[bytes, Sequence[tuple[str, bytes]]], bool]


class Cause(StrEnum):
    """Why a webhook does not verify."""

    MISSING_HEADER = "missing_header"
    BAD_TIMESTAMP = "bad_timestamp"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    MALFORMED_SIGNATURE = "malformed_signature"
    OTHER_VERSION = "other_version"
    RESERIALISED = "reserialised"
    RECODED = "recoded"
    WHITESPACE = "whitespace"
    SECRET_NOT_DECODED = "secret_not_decoded"  # noqa: S105 - a cause, not a secret
    OTHER_SECRET = "other_secret"  # noqa: S105


HINTS: Mapping[Cause, str] = {
    Cause.MISSING_HEADER: "the header {} is missing; proxies sometimes drop headers that they do not know",
    Cause.BAD_TIMESTAMP: "webhook-timestamp is not whole seconds: {}",
    Cause.TOO_OLD: "sent {} s ago, more than the tolerance: a replay of an old request, or a clock that is fast here",
    Cause.TOO_NEW: "sent {} s in the future, more than the tolerance: the clock is slow here",
    Cause.MALFORMED_SIGNATURE: "webhook-signature holds no `version,base64`: {}",
    Cause.OTHER_VERSION: "signed with {} only; the secrets given here are of another kind (whsec_ is v1, "
    "whsk_ and whpk_ are v1a)",
    Cause.RESERIALISED: "the signature fits the same JSON written differently ({}): verify the raw bytes of the "
    "request, before any framework parses them",
    Cause.RECODED: "the signature fits the body in another encoding ({}): verify bytes, do not decode and encode them",
    Cause.WHITESPACE: "the signature fits the body {}: something on the way trims or adds line ends",
    Cause.SECRET_NOT_DECODED: "the signer, which cannot be Bongsu, used the text of the secret {}; the HMAC key is the "
    "base64 after whsec_, decoded",
    Cause.OTHER_SECRET: "none of the {} secrets given here made this signature, or the id, the timestamp or the body "
    "was changed on the way",
}
"""What to do about each; `{}` is what was found."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`cause` is None when a signature fits."""

    cause: Cause | None = None
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether the webhook may be trusted."""
        return self.cause is None


def _no(cause: Cause, what: object) -> Verdict:
    return Verdict(cause, HINTS[cause].format(what))


def verify(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
    *,
    tolerance_s: float = TOLERANCE_S,
) -> Verdict:
    """Check one webhook; signatures are compared in constant time.

    Args:
        secrets: `whsec_...`, `whsk_...` or the public `whpk_...`; one that fits is enough.
        headers: of the request, names in any case.
        body: raw bytes of the request.
        now_s: the receiver's clock, seconds since the epoch.
        tolerance_s: how far the timestamp may be from it, either way.

    Raises:
        InvalidSubscription: a secret that is none.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        if not lower.get(name):
            return _no(Cause.MISSING_HEADER, name)
    timestamp = lower["webhook-timestamp"]
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        return _no(Cause.BAD_TIMESTAMP, repr(timestamp[:40]))
    age = now_s - int(timestamp)
    if abs(age) > tolerance_s:
        return _no(Cause.TOO_OLD if age > 0 else Cause.TOO_NEW, f"{abs(age):.0f}")
    signatures = _entries(lower["webhook-signature"])
    if not signatures:
        return _no(Cause.MALFORMED_SIGNATURE, repr(lower["webhook-signature"][:80]))
    checks = [_checker(secret) for secret in secrets]

    def fits(candidate: bytes) -> bool:
        content = signed_content(lower["webhook-id"], timestamp, candidate)
        # A list, not a generator: every secret is tried, so the time does not tell which one fitted.
        return any([check(content, signatures) for check in checks])  # noqa: C419

    return Verdict() if fits(body) else _explain(secrets, signatures, body, lower["webhook-id"], timestamp, fits)


def _explain(  # noqa: PLR0913 - all that is known of the request
    secrets: Sequence[str],
    signatures: Sequence[tuple[str, bytes]],
    body: bytes,
    message_id: str,
    timestamp: str,
    fits: Callable[[bytes], bool],
) -> Verdict:
    wanted = {"v1" if secret.startswith("whsec_") else "v1a" for secret in secrets}
    given = {version for version, _ in signatures}
    if not wanted & given:
        return _no(Cause.OTHER_VERSION, ", ".join(sorted(given)))
    for cause, how, candidate in _variants(body):
        if candidate != body and fits(candidate):
            return _no(cause, how)
    content = signed_content(message_id, timestamp, body)
    for secret in secrets:
        for how, key in (("with its prefix", secret), ("without its prefix", secret.removeprefix("whsec_"))):
            if secret.startswith("whsec_") and _hmac_fits(key.encode(), content, signatures):
                return _no(Cause.SECRET_NOT_DECODED, how)
    return _no(Cause.OTHER_SECRET, len(secrets))


def _entries(header: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in header.split():
        version, _, encoded = entry.partition(",")
        try:
            signature = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            continue  # one bad entry does not spoil the others: versions may come that we do not know
        if version and signature:
            found.append((version, signature))
    return found


def _checker(secret: str) -> Check:
    if secret.startswith(PUBLIC):
        public = read_public(secret)
        return lambda content, signatures: _ed25519_fits(public, content, signatures)
    key = read_secret(secret)
    if isinstance(key, HmacKey):
        return lambda content, signatures: _hmac_fits(key.key, content, signatures)
    public = key.private.public_key()
    return lambda content, signatures: _ed25519_fits(public, content, signatures)


def _hmac_fits(key: bytes, content: bytes, signatures: Sequence[tuple[str, bytes]]) -> bool:
    expected = hmac.digest(key, content, "sha256")
    return any([hmac.compare_digest(expected, given) for version, given in signatures if version == "v1"])  # noqa: C419


def _ed25519_fits(public: Ed25519PublicKey, content: bytes, signatures: Sequence[tuple[str, bytes]]) -> bool:
    for version, given in signatures:
        if version == "v1a":
            try:
                public.verify(given, content)
            except InvalidSignature:
                continue
            return True
    return False


def _variants(body: bytes) -> Iterator[tuple[Cause, str, bytes]]:
    """What bodies become on their way through frameworks; each with the mistake that makes it."""
    yield Cause.WHITESPACE, "without white space at its ends", body.strip()
    yield Cause.WHITESPACE, "with a line end", body + b"\n"
    yield Cause.WHITESPACE, "with \\n instead of \\r\\n", body.replace(b"\r\n", b"\n")
    yield Cause.RECODED, "without its byte order mark", body.removeprefix(b"\xef\xbb\xbf")
    for wrong in ("latin-1", "cp1252", "cp949"):
        try:
            yield Cause.RECODED, f"UTF-8 read as {wrong}", body.decode().encode(wrong)
        except (UnicodeDecodeError, UnicodeEncodeError):
            continue
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # not JSON, not even text, or nested so deep that no framework reads it
        return
    for how, compact, ascii_only, ordered in (
        ("compact", True, False, False),
        ("with spaces after , and :", False, False, False),
        ("compact, Hangul as \\u escapes", True, True, False),
        ("Hangul as \\u escapes", False, True, False),
        ("compact, keys sorted", True, False, True),
    ):
        try:
            text = json.dumps(
                value, ensure_ascii=ascii_only, sort_keys=ordered, separators=(",", ":") if compact else (", ", ": ")
            )
        except RecursionError:  # writing needs more room than reading did
            return
        yield Cause.RESERIALISED, how, text.encode("utf-8", "surrogatepass")
