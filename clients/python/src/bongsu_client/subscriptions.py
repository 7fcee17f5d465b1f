"""Who is told what, and where."""

from typing import Literal

from bongsu_client import models
from bongsu_client.pages import Pages
from bongsu_client.resource import PAGE, Resource, keyed, matching, path_of

ROOT = "/v1/subscriptions"
Status = Literal["active", "paused", "disabled"]


class Subscriptions(Resource):
    """Methods of /v1/subscriptions."""

    def create_subscription(
        self, body: models.SubscriptionNew, *, idempotency_key: str | None = None
    ) -> models.SubscriptionCreated:
        """Send what rules find to a URL. The answer shows the secret: keep it."""
        return self._json(
            models.SubscriptionCreated, "POST", ROOT, json=body, headers=keyed(idempotency_key), makes=True
        )

    def list_subscriptions(  # noqa: PLR0913 - the filters of the API
        self,
        *,
        status: Status | None = None,
        rule: str | None = None,
        url: str | None = None,
        name: str | None = None,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> Pages[models.Subscription]:
        """Newest first."""
        query = {"status": status, "rule": rule, "url": url, "name": name}
        return self._pages(models.Subscription, ROOT, query, limit, cursor)

    def get_subscription(self, subscription_id: str) -> models.Subscription:
        """One, its secrets masked."""
        return self._json(models.Subscription, "GET", path_of("subscriptions", subscription_id))

    def update_subscription(
        self, subscription_id: str, body: models.SubscriptionPatch, *, if_match: str | int | None = None
    ) -> models.SubscriptionWritten:
        """Change what is named (JSON merge patch). `if_match`: the revision that you saw; PreconditionFailed else.

        With `if_match`, when the answer of a change that was made got lost, the second try raises PreconditionFailed.
        """
        return self._json(
            models.SubscriptionWritten,
            "PATCH",
            path_of("subscriptions", subscription_id),
            json=body,
            headers=matching(if_match),
        )

    def delete_subscription(self, subscription_id: str, *, if_match: str | int | None = None) -> None:
        """Remove it; what is queued for it is no longer sent."""
        self._transport.call("DELETE", path_of("subscriptions", subscription_id), headers=matching(if_match))

    def pause_subscription(self, subscription_id: str, *, if_match: str | int | None = None) -> models.Subscription:
        """Hold its deliveries back."""
        path = path_of("subscriptions", subscription_id, "pause")
        return self._json(models.Subscription, "POST", path, headers=matching(if_match))

    def resume_subscription(self, subscription_id: str, *, if_match: str | int | None = None) -> models.Subscription:
        """Send to it again, after a pause or after it was disabled."""
        path = path_of("subscriptions", subscription_id, "resume")
        return self._json(models.Subscription, "POST", path, headers=matching(if_match))

    def rotate_subscription_secret(
        self,
        subscription_id: str,
        body: models.Rotation | None = None,
        *,
        if_match: str | int | None = None,
        idempotency_key: str | None = None,
    ) -> models.SecretsRotated:
        """New secrets; the old ones sign beside them for a while."""
        return self._json(
            models.SecretsRotated,
            "POST",
            path_of("subscriptions", subscription_id, "rotate-secret"),
            json=body or {},
            headers=matching(if_match) | keyed(idempotency_key),
            makes=True,
        )

    def get_subscription_secret(self, subscription_id: str) -> models.SubscriptionSecrets:
        """What it signs with, in clear; needs the scope subscriptions:secrets."""
        return self._json(models.SubscriptionSecrets, "GET", path_of("subscriptions", subscription_id, "secret"))

    def test_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> models.TestSent:
        """Send a webhook of type `test`."""
        path = path_of("subscriptions", subscription_id, "test")
        return self._json(models.TestSent, "POST", path, headers=keyed(idempotency_key), makes=True)
