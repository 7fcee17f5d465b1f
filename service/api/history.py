"""Ask the history from a route: in a thread, saying how far it is behind, and never across tenants."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Response
from starlette.concurrency import run_in_threadpool

from service.actions import subscriptions
from service.api.models.common import GivenTime, ms_of
from service.api.paging import Keys, Page
from service.api.services import ActorDep, ControlDep, HistoryDep, NowDep
from service.history.queries import History
from service.history.rows import Place
from service.model.errors import NotFound

LAG = "Bongsu-History-Lag-S"
MAX_MS = 2**62
"""Of a place in a cursor: one that somebody made up may be beyond what a database takes."""
LAG_HEADER: dict[int | str, dict[str, Any]] = {
    200: {"headers": {LAG: {"description": "Seconds by which this may be behind.", "schema": {"type": "number"}}}}
}
_Answer = TypeVar("_Answer")
_Row = TypeVar("_Row")
_Shown = TypeVar("_Shown")

After = Annotated[GivenTime | None, Query(description="Only from then on (RFC 3339).")]
Before = Annotated[GivenTime | None, Query(description="Only before then (RFC 3339).")]
FilterText = Annotated[str, Query(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Asked:
    """The history, for one request."""

    def __init__(self, history: HistoryDep, control: ControlDep, actor: ActorDep, now: NowDep, said: Response) -> None:
        self._history: History = history
        self._control = control
        self._actor = actor
        self._now_ms = now
        self._response = said

    async def own_subscription(self, subscription: str) -> None:
        """Raises NotFound when the caller's tenant has none of this id."""
        await subscriptions.get(self._control, self._actor, subscription)

    async def is_own(self, subscription: str, what: str) -> None:
        """Raises NotFound, naming `what`, when it belongs to a subscription that the caller's tenant does not have."""
        try:
            await self.own_subscription(subscription)
        except NotFound:
            raise NotFound(f"there is no {what}") from None

    async def ask(self, question: Callable[[History], _Answer]) -> _Answer:
        """Put a question, and say in the answer's header how old it may be.

        Raises:
            HistoryUnavailable: it cannot be answered now.
        """
        lag_s, answer = await run_in_threadpool(self._both, question)
        self._response.headers[LAG] = f"{lag_s:.1f}"
        return answer

    def _both(self, question: Callable[[History], _Answer]) -> tuple[float, _Answer]:
        return self._history.lag_s(self._now_ms), question(self._history)

    async def page(  # noqa: PLR0913 - each is a separate fact
        self,
        name: str,
        filters: dict[str, Any],
        cursor: str | None,
        limit: int,
        question: Callable[[History, dict[str, Any]], list[_Row]],
        shown: Callable[[_Row], _Shown],
    ) -> Page[_Shown]:
        """A page of a list, newest first.

        Args:
            name: of the list, with whose it is.
            filters: what the list is asked for, as the question takes it.
            cursor: where the page before ended.
            limit: items at most.
            question: is given `limit`, `after` and the filters.
            shown: makes an item of a row; rows have a `place`.
        """
        keys = Keys.of(name, filters)
        at = keys.read(cursor, (int, str))
        after: Place | None = None if at is None else (max(-MAX_MS, min(MAX_MS, at[0])), at[1].replace("\0", ""))
        rows = await self.ask(lambda history: question(history, {**filters, "limit": limit + 1, "after": after}))
        page = rows[:limit]
        last: Any = page[-1] if len(rows) > limit else None
        return Page(items=[shown(row) for row in page], next_cursor=None if last is None else keys.write(last.place))


AskedDep = Annotated[Asked, Depends()]


def between(after: After, before: Before) -> dict[str, int | None]:
    """The two times as the queries take them."""
    return {
        "since_ms": None if after is None else ms_of(after),
        "until_ms": None if before is None else ms_of(before),
    }
