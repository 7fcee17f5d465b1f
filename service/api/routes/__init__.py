"""The routes, one module a resource.

To add one: a module with `router = APIRouter(prefix="/v1/...", tags=["..."])`, named in MODULES. Each route says its
`operation_id`, `dependencies=needs("<scope>")` (`service/api/security.py`) and `responses=problems("<slug>", ...)` for
what is not the same everywhere (`service/api/openapi.py`). What it works with it asks for by type
(`service/api/services.py`: ControlDep, HistoryDep, ActorDep, NowDep); what actions raise becomes a problem by itself.
"""

import importlib
from functools import cache

from fastapi import APIRouter

MODULES = (
    "subscriptions",
    "subscription_actions",
    "silences",
    "deliveries",
    "attempts",
    "decisions",
    "changes",
    "rules",
    "articles",
    "document",
)


@cache
def routers() -> tuple[APIRouter, ...]:
    """Of all modules, in their order."""
    return tuple(importlib.import_module(f"service.api.routes.{name}").router for name in MODULES)
