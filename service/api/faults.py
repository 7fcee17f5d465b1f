"""Single faults of a request as pydantic finds them, in words that say what to write instead.

What was given is never repeated: it may be a secret.
"""

import difflib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

MAX_POINTER = 200
MAX_NAMES = 20
"""Of the fields that there are; more would be a page and not a hint."""
_TOO_FEW = frozenset({"too_short"})


def faults(found: Sequence[Mapping[str, Any]], route: Any = None) -> list[dict[str, str]]:
    """Each with its `detail` and its place; `route` (FastAPI's) knows which fields and headers there are."""
    return [_single(one, route) for one in found if not _follows(one, found)]


def pointer(path: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901) into the body."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "".join(f"/{part}" for part in parts)[:MAX_POINTER]


def _follows(one: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> bool:
    """A list counts as too short when its items are faults: those say enough."""
    place = tuple(one["loc"])
    return one["type"] in _TOO_FEW and any(tuple(other["loc"])[:-1] == place for other in found)


def _single(one: Mapping[str, Any], route: Any) -> dict[str, str]:
    place, *path = one["loc"]
    if place == "body":
        return {"pointer": pointer(path), "detail": _of_body(one, path, route)}
    name = ".".join(map(str, path))[:MAX_POINTER]
    told = _said(one)
    if one["type"] == "missing" and (meant := _meaning(name, route)):
        told += f": {meant}"
    return {("header" if place == "header" else "parameter"): name, "detail": told}


def _said(one: Mapping[str, Any]) -> str:
    if one["type"] == "missing":
        return "is missing"
    return str(one["msg"]).removeprefix("Value error, ")


def _of_body(one: Mapping[str, Any], path: Sequence[str | int], route: Any) -> str:
    if one["type"] == "string_pattern_mismatch":
        meant = _fields_at(_body_of(route), path[:-1]).get(str(path[-1])) if path else None
        return f"must match {one['ctx']['pattern']}" + (f": {meant}" if meant else "")
    if one["type"] != "extra_forbidden":
        return _said(one)
    known = sorted(_fields_at(_body_of(route), path[:-1]))
    near = difflib.get_close_matches(str(path[-1])[:MAX_POINTER], known, 1)
    if near:
        return f"there is no such field; did you mean {near[0]}?"
    if not known:
        return "there is no such field"
    return f"there is no such field; there are {', '.join(known[:MAX_NAMES])}" + (" ..." if known[MAX_NAMES:] else "")


def _body_of(route: Any) -> Any:
    field = getattr(route, "body_field", None)
    return None if field is None else field.field_info.annotation


def _meaning(name: str, route: Any) -> str:
    """What a header or parameter is for, as the OpenAPI says it."""
    dependant = getattr(route, "dependant", None)
    fields = [] if dependant is None else [*dependant.header_params, *dependant.query_params]
    return next((field.field_info.description or "" for field in fields if field.alias == name), "")


def _fields_at(kind: Any, path: Sequence[str | int]) -> dict[str, str]:
    """The names that an object may have at a place of a body of this type, and what the OpenAPI says of each.

    Empty where that is not known.
    """
    models = list(_models_in(kind))
    if not path:
        return {
            field.alias or name: field.description or ""
            for model in models
            for name, field in model.model_fields.items()
        }
    step, *rest = path
    if isinstance(step, int):
        return _fields_at(kind, rest)  # the items of a list are what `_models_in` found in it
    inner = (field.annotation for model in models for name, field in model.model_fields.items()
             if step in (name, field.alias))  # fmt: skip
    return {name: meant for one in inner for name, meant in _fields_at(one, rest).items()}


def _models_in(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and not isinstance(kind, types.GenericAlias) and issubclass(kind, BaseModel):
        yield kind
        return
    for part in typing.get_args(kind):
        yield from _models_in(part)
