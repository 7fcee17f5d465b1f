"""docs/openapi.json: the contract of the HTTP API, kept beside the code so that review sees every change of it."""

import json
from typing import Any

from prometheus_client import CollectorRegistry

from service.actions.control import Control
from service.api.application import build
from service.api.metrics import ApiMetrics
from service.settings import Settings


def openapi() -> str:
    """What `GET /v1/openapi.json` answers, as a file."""
    return json.dumps(openapi_document(), ensure_ascii=False, indent=2) + "\n"


def openapi_document() -> dict[str, Any]:
    """Of an application with the settings that are built in, connected to nothing."""
    settings = Settings({})
    document: dict[str, Any] = build(Control(settings), None, settings, ApiMetrics(CollectorRegistry())).openapi()
    return document
