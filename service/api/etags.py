"""`ETag` of what has revisions, and `If-Match`: change it only if it is still as I saw it."""

import re
from typing import Annotated

from fastapi import Header, Response

from service.api.problems import ApiProblem
from service.model.errors import ChangedMeanwhile

PATTERN = r'^\s*(\*|(W/)?"[!#-~]*"(\s*,\s*(W/)?"[!#-~]*")*)\s*$'
_TAG = re.compile(r'(W/)?"([!#-~]*)"')

IfMatch = Annotated[
    str | None,
    Header(
        pattern=PATTERN,
        max_length=1_000,
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


def wanted_version(if_match: str | None, stands: int | str) -> int | str | None:
    """`stands`, if the header asks for it; None where nothing was asked for. Weak tags never fit.

    Raises:
        ApiProblem: it asks for another.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    if str(stands) in {tag for weak, tag in _TAG.findall(if_match) if not weak}:
        return stands
    raise stale(stands)


def stale(stands: int | str | None = None) -> ApiProblem:
    """412."""
    at = "" if stands is None else f" (it is at {tag_of(stands)})"
    return ApiProblem("precondition-failed", f"it is not at the revision of If-Match any more{at}; look at it again")


def as_asked(error: ChangedMeanwhile, if_match: str | None) -> Exception:
    """What to raise for it: who said at which revision must hear that it is another."""
    return error if if_match is None else stale()
