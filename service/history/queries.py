"""The questions that the history answers. Plain blocking calls: an API asks from a thread.

Lists are newest first and paged by key: a page begins after the place where the last one ended, so rows that come
meanwhile neither repeat nor hide any.
"""

from collections.abc import Callable
from typing import Any, Required, TypedDict, TypeVar, Unpack

import orjson
from sqlalchemy import ColumnElement, Engine, Select, and_, exists, func, or_, select
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.history.database import told_as_ours
from service.history.rows import AttemptRow, ChangeRow, DecisionRow, DeliveryRow, Place, Progress, as_dict
from service.history.tables import FOLDED, articles, attempts, changes, decisions, deliveries, progress
from service.model.errors import HistoryUnavailable

STALE_S = 300.0
"""Answers that are older mislead: who asks is told to look at the role instead."""

RARE = 5_000
"""Deliveries in which a rule was told of, of one subscription."""

_Row = TypeVar("_Row")


class Page(TypedDict, total=False):
    """Which rows of a list, as `_page` takes it."""

    limit: Required[int]
    after: Place | None
    """Where the page before ended."""
    since_ms: int | None
    """Within."""
    until_ms: int | None
    """Not within."""


class History:
    """Questions about one tenant's things; whoever asks has checked that the subscription is its own.

    Every call raises HistoryUnavailable where the database is not there, not migrated, or does not answer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Close what is open."""
        self._engine.dispose()

    def progress(self) -> Progress:
        """How far the history is."""
        found = self._all(select(progress), lambda row: Progress(row.caught_up_ms, row.behind_records, row.told_ms))
        if not found:
            raise HistoryUnavailable("the history was never read: start the role `bongsu history`")
        return found[0]

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        return {
            str(table.name): self._all(select(func.count()).select_from(table), lambda row: int(row[0]))[0]
            for table in FOLDED
        }

    def lag_s(self, now_ms: int) -> float:
        """Seconds by which answers may be behind the topics.

        Raises:
            HistoryUnavailable: it is not whole yet, or more than STALE_S behind.
        """
        now = self.progress()
        lag_s = now.lag_s(now_ms)
        if lag_s is None:
            raise HistoryUnavailable(
                f"the history is being read for the first time ({now.behind_records} records to go); ask again later"
            )
        if lag_s > STALE_S:
            raise HistoryUnavailable(f"the history is {lag_s:.0f} s behind; does the role `bongsu history` run?")
        return lag_s

    def deliveries(
        self,
        subscription: str,
        *,
        status: str | None = None,
        rule: str | None = None,
        **page: Unpack[Page],
    ) -> list[DeliveryRow]:
        """Notifications of a subscription, without their bodies."""
        table = deliveries.c
        columns = [column for column in table if column.name != "body"]
        query = self._of(select(*columns), table.subscription, subscription, table.id, rule)
        query = query.where(table.created_ms.is_not(None), *_equal((table.status, status)))
        return self._page(query, table.created_ms, table.id, _delivery, **page)

    def delivery(self, delivery_id: str) -> DeliveryRow | None:
        """One notification with its body; None where there is none of this id, or only attempts are left of it."""
        table = deliveries.c
        found = self._all(select(deliveries).where(table.id == delivery_id, table.created_ms.is_not(None)), _delivery)
        return found[0] if found else None

    def attempts(
        self,
        subscription: str,
        *,
        outcome: str | None = None,
        delivery_id: str | None = None,
        rule: str | None = None,
        **page: Unpack[Page],
    ) -> list[AttemptRow]:
        """Attempts to a subscription."""
        table = attempts.c
        owner = _unindexed(table.subscription, delivery_id is not None)
        query = self._of(select(attempts), owner, subscription, table.delivery_id, rule)
        query = query.where(*_equal((table.outcome, outcome), (table.delivery_id, delivery_id)))
        return self._page(query, table.started_ms, table.id, _attempt, **page)

    def attempts_of(self, delivery_id: str, limit: int = 1000) -> list[AttemptRow]:
        """Attempts of one notification, oldest first."""
        table = attempts.c
        query = select(attempts).where(table.delivery_id == delivery_id).order_by(table.started_ms, table.id)
        return self._all(query.limit(limit), _attempt)

    def decisions(
        self,
        subscription: str,
        *,
        decision: str | None = None,
        rule: str | None = None,
        article: str | None = None,
        **page: Unpack[Page],
    ) -> list[DecisionRow]:
        """Current decisions on alerts to a subscription."""
        table = decisions.c
        head = (
            articles.c.title.label("article_title"),
            articles.c.url.label("article_url"),
            articles.c.source.label("article_source"),
        )
        query = select(decisions, *head).select_from(
            decisions.outerjoin(articles, articles.c.id == decisions.c.article)
        )
        query = query.where(
            _unindexed(table.subscription, article is not None) == subscription,
            *_equal((table.decision, decision), (table.rule, rule), (table.article, article)),
        )
        return self._page(query, table.decided_ms, table.alert_id, _decision, **page)

    def changes(
        self,
        tenant: str,
        *,
        target: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        **page: Unpack[Page],
    ) -> list[ChangeRow]:
        """Who changed what."""
        table = changes.c
        query = select(changes).where(
            table.tenant == tenant, *_equal((table.target, target), (table.actor, actor), (table.action, action))
        )
        return self._page(query, table.at_ms, table.change_id, _change, **page)

    def _of(
        self, query: Select[Any], owner: ColumnElement[Any], subscription: str, delivery: ColumnElement[Any],
        rule: str | None,
    ) -> Select[Any]:  # fmt: skip
        """`query` with those of a subscription only, and of those deliveries in which a rule was told of.

        Of a rule that was told of seldom, its deliveries are looked up; of one that was told of often, what is newest
        is walked through until enough are found. At RARE both cost about the same, so neither is ever slow.
        """
        if rule is None:
            return query.where(owner == subscription)
        told = select(decisions.c.delivery_id).where(
            decisions.c.subscription == subscription, decisions.c.rule == rule, decisions.c.delivery_id.is_not(None)
        )
        count = select(func.count()).select_from(told.limit(RARE + 1).subquery())
        if self._all(count, lambda row: int(row[0]))[0] > RARE:
            here = (decisions.c.delivery_id == delivery, decisions.c.rule == rule)
            return query.where(owner == subscription, exists().where(*here))
        seldom = told.distinct().subquery()
        return query.join(seldom, seldom.c.delivery_id == delivery).where(_unindexed(owner) == subscription)

    def _page(  # noqa: PLR0913 - one of each
        self,
        query: Select[Any],
        time: ColumnElement[Any],
        key: ColumnElement[Any],
        read: Callable[[Any], _Row],
        *,
        limit: int,
        after: Place | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> list[_Row]:
        if since_ms is not None:
            query = query.where(time >= since_ms)
        if until_ms is not None:
            query = query.where(time < until_ms)
        if after is not None:
            at_ms, last = after  # the first condition alone narrows the index; SQLite does not see it in a row value
            query = query.where(time <= at_ms, or_(time < at_ms, and_(time == at_ms, key < last)))
        return self._all(query.order_by(time.desc(), key.desc()).limit(limit), read)

    def _all(self, query: Select[Any], read: Callable[[Any], _Row]) -> list[_Row]:
        try:
            with told_as_ours(self._engine), self._engine.connect() as connection:
                return [read(row) for row in connection.execute(query)]
        except PoolTimeout as error:
            raise HistoryUnavailable("too many questions to the history at once; ask again in a moment") from error


def _equal(*wanted: tuple[ColumnElement[Any], str | None]) -> list[ColumnElement[bool]]:
    """Of filters those that are asked for."""
    return [column == value for column, value in wanted if value is not None]


def _unindexed(column: ColumnElement[Any], really: bool = True) -> ColumnElement[Any]:  # noqa: FBT001, FBT002
    """A column in a form that no index serves, where another condition narrows more and SQLite would not see it."""
    return func.coalesce(column, "") if really else column


def _delivery(row: Any) -> DeliveryRow:
    found = _without_places(as_dict(row))
    found["group"] = found.pop("group_id")
    found["alert_ids"] = tuple(orjson.loads(found["alert_ids"]))
    return DeliveryRow(**found)


def _attempt(row: Any) -> AttemptRow:
    found = _without_places(as_dict(row))
    found["phases"] = orjson.loads(found["phases"]) if found["phases"] else {}
    return AttemptRow(**found)


def _decision(row: Any) -> DecisionRow:
    found = _without_places(as_dict(row))
    found["group"], found["by"] = found.pop("group_id"), found.pop("by_id")
    return DecisionRow(**found)


def _change(row: Any) -> ChangeRow:
    found = _without_places(as_dict(row))
    found["fields"] = tuple(orjson.loads(found["fields"]))
    return ChangeRow(**found)


def _without_places(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if "record_" not in name}
