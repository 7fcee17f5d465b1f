"""One HTTP/1.1 answer as it comes in: llhttp takes it apart, this keeps what is wanted of it and says when to stop.

A receiver may send anything. What is not HTTP/1.x to the letter, a head without end, or 1xx without end is an error;
a body without end is cut. A connection is used again only after an answer in which nothing at all was odd: whoever
reads on after a doubt takes one delivery's bytes for the answer to another.
"""

import zlib

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD_BYTES = 65_536
"""Of status lines, headers and trailers of an answer, 1xx before it included; and of chunk sizes beside the body."""
INFLATED = ("gzip", "x-gzip", "deflate")
_KEPT = (b"retry-after", b"content-encoding")
_BROKEN = "broken"
_AUTOMATIC, _RAW = 47, -15
"""zlib's window bits: with the header of gzip or zlib, and without any, as some servers understand `deflate`."""


class BadAnswer(ValueError):
    """What came is no answer in HTTP/1.1."""


class Reply:
    """Feed it until `feed` says that nothing more is wanted."""

    __slots__ = (
        "_begun", "_chunked", "_fed", "_head_bytes", "_inflate", "_interim", "_keep_alive", "_max_body", "_odd",
        "_on_wire", "_parser", "_sized", "_wrong", "body", "cut", "encoding", "reason", "retry_after", "status",
        "whole",
    )  # fmt: skip

    on_chunk_header = on_chunk_complete = None
    """llhttp's, not wanted; to look for what is not there would cost it an exception."""

    def __init__(self, max_body: int) -> None:
        """`max_body`: no more bytes of body are read, or inflated, than these and one."""
        self._max_body = max_body
        self._parser = HttpResponseParser(self)
        self._fed = 0
        self._head_bytes = 0
        self._on_wire = 0
        self._interim = True
        self._sized = self._chunked = self._keep_alive = self._odd = False
        self._wrong = ""
        self._inflate: zlib._Decompress | None = None
        self._begun = b""
        """Of a compressed body, until it is known how."""
        self.status: int | None = None
        """Set once the head of the answer is there; 1xx is not the answer, 101 is."""
        self.reason = ""
        self.retry_after: str | None = None
        self.encoding = "identity"
        """Of the body, in small letters; `broken` when it is not what it was called."""
        self.body = bytearray()
        self.whole = False
        self.cut = False
        """There was more than is read."""

    @property
    def started(self) -> bool:
        """Something came."""
        return self._fed > 0

    @property
    def reusable(self) -> bool:
        """The connection it came on may carry another request."""
        return self.whole and self._keep_alive and not (self.cut or self._odd)

    def feed(self, data: bytes) -> bool:
        """Take what came; True when nothing more is wanted.

        Raises:
            BadAnswer: it is not HTTP/1.0 or 1.1, or its head is too large.
        """
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._odd = True
        except HttpParserError as error:
            if not (self.whole or self.cut):
                raise BadAnswer(self._wrong or f"not an answer in HTTP/1.1: {error}") from None
            self._odd = True
        if self._wrong:
            raise BadAnswer(self._wrong)
        if self._head_bytes > MAX_HEAD_BYTES or (self.status is None and self._fed > MAX_HEAD_BYTES):
            raise BadAnswer(f"the head of the answer is larger than {MAX_HEAD_BYTES} bytes")
        if self._fed > MAX_HEAD_BYTES + self._max_body:
            self.cut = True
        return self.whole or self.cut

    def end(self) -> bool:
        """The other side sends nothing more; True when the answer is whole with that."""
        if self.status is not None and not (self._sized or self._chunked):
            self.whole = True
        return self.whole

    # --- what llhttp calls ---

    def on_message_begin(self) -> None:
        """Another answer behind the one that was asked for."""
        self._odd = self._odd or self.whole

    def on_status(self, reason: bytes) -> None:
        """Comes in pieces when it was sent in pieces."""
        self._head_bytes += len(reason)
        if not self.whole and len(self.reason) < MAX_HEAD_BYTES:
            self.reason += reason.decode("utf-8", "replace")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of the head, or a trailer: those are counted and ignored."""
        self._head_bytes += len(name) + len(value) + 4
        if self.status is not None or self.whole:
            return
        lower = name.lower()
        if lower == b"content-length":
            self._sized = True
        elif lower == b"transfer-encoding":
            self._chunked = value.lower().rstrip().endswith(b"chunked")
        elif lower in _KEPT:
            text = value.decode("latin-1").strip()
            if lower == b"retry-after":
                self.retry_after = self.retry_after or text
            elif self.encoding == "identity":
                self.encoding = text.lower() or "identity"

    def on_headers_complete(self) -> None:
        """A head is there: of the answer, or of a 1xx before it."""
        if self.whole:
            return
        version, status = self._parser.get_http_version(), self._parser.get_status_code()
        if version not in ("1.1", "1.0") or status < 100:
            self._wrong = f"not an answer in HTTP/1.1: HTTP/{version} with status {status}"
            return
        self._interim = status < 200 and status != 101
        if self._interim:
            self.reason, self.retry_after, self.encoding = "", None, "identity"
            self._sized = self._chunked = False
            return
        self.status = status
        self._keep_alive = self._parser.should_keep_alive() and status != 101

    def on_body(self, part: bytes) -> None:
        """Some of the body, chunks already put together."""
        if self.cut or self.whole:
            return
        self._on_wire += len(part)
        room = self._max_body + 1 - len(self.body)
        if self.encoding in INFLATED:
            self.body += self._inflated(part, room)
        elif self.encoding != _BROKEN:
            self.body += part[:room]
        self.cut = max(len(self.body), self._on_wire) > self._max_body

    def on_message_complete(self) -> None:
        """The end, by what its head said of its length."""
        if not self._interim:
            self.whole = True

    def _inflated(self, part: bytes, room: int) -> bytes:
        if self._inflate is None:
            self._begun += part
            if len(self._begun) < 2:
                return b""
            part, (first, second) = self._begun, self._begun[:2]
            raw = self.encoding == "deflate" and (first & 0x0F != 8 or (first << 8 | second) % 31)
            self._inflate = zlib.decompressobj(_RAW if raw else _AUTOMATIC)
        try:
            return self._inflate.decompress(part, room)
        except zlib.error:
            self.encoding = _BROKEN
            return b""
