"""`ETag` of what has revisions, and `If-Match`: change it only if it is still as I saw it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Header, Response

from service.api.problems import ApiProblem
from service.model.errors import ChangedMeanwhile

PATTERN = r'^(\*|(W/)?"[!#-~]*"( ?, ?(W/)?"[!#-~]*")*)$'
_REVISION = re.compile(r"[0-9]{1,15}")
_TAG = re.compile(r'(W/)?"([!#-~]*)"')

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=PATTERN,
        description="The `ETag` that was seen; when it is at another revision, nothing changes and 412 is answered.",
        examples=['"3"'],
    ),
]


def tag_of(version: int | str) -> str:
    """A strong one."""
    return f'"{version}"'


def put_tag(response: Response, version: int | str) -> None:
    """Say at which revision the answer is."""
    response.headers["ETag"] = tag_of(version)


def _strong_tags(if_match: str | None) -> list[str] | None:
    """Those that the header asks for, for weak ones never fit; None: it asks for none, any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    return [tag for weak, tag in _TAG.findall(if_match) if not weak]


def wanted_version(if_match: str | None, stands: str) -> str | None:
    """`stands`, if the header asks for it; None where nothing was asked for.

    Raises:
        ApiProblem: it asks for another.
    """
    asked = _strong_tags(if_match)
    if asked is None:
        return None
    if stands not in asked:
        raise stale(stands)
    return stands


def expected_revisions(if_match: str | None) -> frozenset[int] | None:
    """The revisions that the header asks for; None: any. A tag that is no revision asks for one that there is not."""
    asked = _strong_tags(if_match)
    return None if asked is None else frozenset(int(tag) for tag in asked if _REVISION.fullmatch(tag))


@contextmanager
def if_matching(if_match: str | None) -> Iterator[frozenset[int] | None]:
    """Around a change: gives what `expected=` of an action takes, and makes 412 of a change that lost to another.

    Raises:
        ApiProblem: it was at another revision.
        ChangedMeanwhile: nothing was asked for, and others were faster each time.
    """
    expected = expected_revisions(if_match)
    try:
        yield expected
    except ChangedMeanwhile as error:
        if expected is None:
            raise
        raise ApiProblem("precondition-failed", str(error)) from None


def stale(stands: str | None = None) -> ApiProblem:
    """412."""
    at = "" if stands is None else f" (it is at {tag_of(stands)})"
    return ApiProblem("precondition-failed", f"it is not at the revision of If-Match any more{at}; look at it again")
