"""The client: every operation of the API as a method of the same name."""

from types import TracebackType
from typing import Any, Self

from bongsu_client.articles import Articles
from bongsu_client.changes import Changes
from bongsu_client.deliveries import Deliveries
from bongsu_client.rules import Rules
from bongsu_client.silences import Silences
from bongsu_client.subscriptions import Subscriptions
from bongsu_client.transport import Transport


class Bongsu(Subscriptions, Deliveries, Silences, Rules, Articles, Changes):
    """One API, one token.

    Methods raise `Problem` (a class for each type) when the API refuses, `Unreachable` when it does not answer; 429,
    503 and lost answers are retried before. What they take and return is JSON, typed in `bongsu_client.models`.
    """

    def __init__(self, url: str, token: str, **options: Any) -> None:
        """Connects when it is first used. `options`: those of `Transport`, e.g. `timeout_s`, `retries`."""
        self._transport = Transport(url, token, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
