"""GET /v1/openapi.json: what this API is, to whoever asks, without a token."""

from typing import Any

from fastapi import APIRouter, Request

router = APIRouter(prefix="/v1", tags=["document"])


@router.get("/openapi.json", include_in_schema=False, operation_id="get_openapi")
async def get_openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI 3.1 document of this very process."""
    document: dict[str, Any] = request.app.openapi()
    return document
