"""What a route does not know is refused: a misspelt filter must not silently give everything."""

import difflib
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError

from service.api.problems import ApiProblem

JSON = frozenset({"application/json", "application/merge-patch+json"})


def media_type(request: Request) -> str:
    """Of the body, without its parameters; empty where none was said."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def well_formed(request: Request) -> None:
    """Dependency of every route.

    Raises:
        RequestValidationError: an unknown query parameter, or one that is there twice.
        ApiProblem: a body that is not said to be JSON.
    """
    route = request.scope["route"]
    known = _query_names(route.dependant)
    faults: list[dict[str, Any]] = []
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it knows {', '.join(sorted(known)) or 'none'}"
            faults.append({"type": "unknown", "loc": ("query", name), "msg": f"there is no such parameter; {hint}"})
        elif len(request.query_params.getlist(name)) > 1:
            faults.append({"type": "twice", "loc": ("query", name), "msg": "is there more than once"})
    if faults:
        raise RequestValidationError(faults)
    if route.body_field is not None and media_type(request) not in JSON and request.headers.get("content-type"):
        raise ApiProblem(
            "unsupported-media-type", "send the body as application/json", headers={"Accept": "application/json"}
        )


def _query_names(dependant: Dependant) -> frozenset[str]:
    """Those of the route itself and of what it depends on."""
    names = {field.alias for field in dependant.query_params}
    for inner in dependant.dependencies:
        names |= _query_names(inner)
    return frozenset(names)
