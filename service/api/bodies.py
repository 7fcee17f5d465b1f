"""Bodies that a route reads itself, as they come: their media type, gzip, and where they break off."""

import zlib
from collections.abc import AsyncIterator, Collection

from fastapi import Request
from starlette.requests import ClientDisconnect

from service.api.limits import body_too_large
from service.api.parameters import media_type
from service.api.problems import ApiProblem

UNPACKED = 1 << 16
"""Bytes of a compressed body that are unpacked at once."""
GZIP = 16 + zlib.MAX_WBITS


def one_of(request: Request, known: Collection[str]) -> str:
    """The media type of the body.

    Raises:
        ApiProblem: it is none of `known`.
    """
    said = media_type(request)
    if said not in known:
        listed = " or ".join(known)
        raise ApiProblem("unsupported-media-type", f"send the body as {listed}", headers={"Accept": ", ".join(known)})
    return said


async def parts(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body in parts, unpacked where its Content-Encoding is gzip.

    Raises:
        ApiProblem: it is larger than `max_bytes` (unpacked), broken, of another encoding, or it stops.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise ApiProblem(
            "unsupported-media-type",
            "send the body as it is, or with Content-Encoding: gzip",
            headers={"Accept-Encoding": "gzip"},
        )
    stream = request.stream()
    try:
        async for part in stream if encoding != "gzip" else _unpacked(stream, max_bytes):
            if part:
                yield part
    except ClientDisconnect:
        raise ApiProblem("malformed-request", "the body broke off before its end") from None


async def whole(request: Request, max_bytes: int) -> bytes:
    """All of a body. Raises as `parts`."""
    return b"".join([part async for part in parts(request, max_bytes)])


async def _unpacked(stream: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    """What a few bytes unpack to may be endless: it is made in small parts and counted."""
    unpacker = zlib.decompressobj(GZIP)
    size = 0
    began = False
    try:
        async for given in stream:
            packed = given
            while packed:
                if unpacker.eof:  # a file may be several, one after the other
                    unpacker = zlib.decompressobj(GZIP)
                part = unpacker.decompress(packed, UNPACKED)
                began = True
                size += len(part)
                if size > max_bytes:
                    raise body_too_large(max_bytes)
                yield part
                packed = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    except zlib.error as error:
        raise ApiProblem("malformed-request", f"the body is not gzip: {error}") from None
    if began and not unpacker.eof:
        raise ApiProblem("malformed-request", "the body is gzip that breaks off before its end")
