"""Who changed what."""

from bongsu_client import models
from bongsu_client.pages import Pages
from bongsu_client.resource import PAGE, Resource


class Changes(Resource):
    """Methods of /v1/changes."""

    def list_changes(  # noqa: PLR0913 - the filters of the API
        self,
        *,
        target: str | None = None,
        by: str | None = None,
        action: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Pages[models.Change]:
        """Newest first."""
        query = {"target": target, "by": by, "action": action, "after": after, "before": before}
        return self._pages(models.Change, "/v1/changes", query, limit, cursor)
