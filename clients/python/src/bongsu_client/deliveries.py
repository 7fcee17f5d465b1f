"""What was sent, every attempt of it, what became of alerts, and why. Times are RFC 3339 with an offset."""

from typing import Literal

from bongsu_client import models
from bongsu_client.pages import Pages
from bongsu_client.resource import PAGE, Resource, keyed, path_of


class Deliveries(Resource):
    """Methods of /v1/deliveries, and of what a subscription was sent."""

    def list_deliveries(  # noqa: PLR0913 - the filters of the API
        self,
        subscription_id: str,
        *,
        status: str | None = None,
        rule: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Pages[models.Delivery]:
        """Newest first."""
        query = {"status": status, "rule": rule, "after": after, "before": before}
        return self._pages(
            models.Delivery, path_of("subscriptions", subscription_id, "deliveries"), query, limit, cursor
        )

    def get_delivery(self, delivery_id: str) -> models.DeliveryInFull:
        """One, with its body and every attempt."""
        return self._json(models.DeliveryInFull, "GET", path_of("deliveries", delivery_id))

    def replay_delivery(self, delivery_id: str, *, idempotency_key: str | None = None) -> models.Replayed:
        """Send it again under the same id; what is on its way is not sent twice."""
        path = path_of("deliveries", delivery_id, "replay")
        return self._json(models.Replayed, "POST", path, headers=keyed(idempotency_key), makes=True)

    def replay_subscription(
        self, subscription_id: str, body: models.ReplayAsked, *, idempotency_key: str | None = None
    ) -> models.Replayed:
        """Send a range again (`after`, `before`), or all that failed since (`failed_since`)."""
        path = path_of("subscriptions", subscription_id, "replay")
        return self._json(models.Replayed, "POST", path, json=body, headers=keyed(idempotency_key), makes=True)

    def list_attempts(  # noqa: PLR0913 - the filters of the API
        self,
        subscription_id: str,
        *,
        outcome: str | None = None,
        delivery: str | None = None,
        rule: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Pages[models.Attempt]:
        """What each POST did, newest first."""
        query = {"outcome": outcome, "delivery": delivery, "rule": rule, "after": after, "before": before}
        return self._pages(models.Attempt, path_of("subscriptions", subscription_id, "attempts"), query, limit, cursor)

    def list_decisions(  # noqa: PLR0913 - the filters of the API
        self,
        subscription_id: str,
        *,
        decision: Literal["notified", "attached", "held", "silenced", "expired", "suppressed"] | None = None,
        rule: str | None = None,
        article: str | None = None,
        after: str | None = None,
        before: str | None = None,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Pages[models.Decision]:
        """What became of each alert, newest first."""
        query = {"decision": decision, "rule": rule, "article": article, "after": after, "before": before}
        return self._pages(
            models.Decision, path_of("subscriptions", subscription_id, "decisions"), query, limit, cursor
        )

    def ask_why(
        self,
        subscription_id: str,
        article: str,
        *,
        rule: str | None = None,
        after: str | None = None,
        lang: str | None = None,
    ) -> models.Why:
        """Why an article, by its id or its URL, was told of, or was not; in "en" (the default) or "ko"."""
        query = {"article": article, "rule": rule, "after": after, "lang": lang}
        return self._json(models.Why, "GET", path_of("subscriptions", subscription_id, "why"), query=query)
