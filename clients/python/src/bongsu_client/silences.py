"""What is not told for a while."""

from typing import Literal

from bongsu_client import models
from bongsu_client.pages import Pages
from bongsu_client.resource import PAGE, Resource, keyed, matching, path_of

ROOT = "/v1/silences"


class Silences(Resource):
    """Methods of /v1/silences."""

    def create_silence(self, body: models.SilenceNew, *, idempotency_key: str | None = None) -> models.SilenceMade:
        """Hide what all of its matchers fit."""
        return self._json(models.SilenceMade, "POST", ROOT, json=body, headers=keyed(idempotency_key), makes=True)

    def list_silences(
        self,
        *,
        state: Literal["pending", "active", "ended"] | None = None,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Pages[models.Silence]:
        """Newest first."""
        return self._pages(models.Silence, ROOT, {"state": state}, limit, cursor)

    def preview_silence(self, body: models.SilencePreviewAsked) -> models.SilencePreview:
        """What it would have hidden of the last day. Changes nothing."""
        return self._json(models.SilencePreview, "POST", f"{ROOT}/preview", json=body)

    def get_silence(self, silence_id: str) -> models.Silence:
        """One, also one that ended, for 30 days."""
        return self._json(models.Silence, "GET", path_of("silences", silence_id))

    def lift_silence(self, silence_id: str, *, if_match: str | int | None = None) -> models.Silence:
        """End it now."""
        return self._json(models.Silence, "POST", path_of("silences", silence_id, "lift"), headers=matching(if_match))
