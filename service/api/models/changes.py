"""Changes as the API shows them."""

from typing import Literal

from pydantic import Field

from service.api.models.common import Shown, Time, at
from service.history.rows import ChangeRow


class Change(Shown):
    """Something that was asked for, and what became of it."""

    id: str
    actor: str = Field(description="`token:<id>`, or `cli:<user>@<host>`.")
    action: str = Field(description="`subscription.created`, `rules.applied` ...")
    target: str = Field(description="Id of what is changed.")
    revision: int | None = Field(description="That it would have.")
    fields: list[str] = Field(description="Names of what changes; values stand in the thing itself.")
    outcome: Literal["asked", "done", "refused"] = Field(
        description="asked: whoever asked was cut off before the end; whether the change stands, the thing itself says."
    )
    reason: str | None = Field(description="Why it was refused.")
    request_id: str | None
    at: Time


def shown_change(row: ChangeRow) -> Change:
    """As the API shows it."""
    return Change.model_validate(
        {
            "id": row.change_id, "actor": row.actor, "action": row.action, "target": row.target,
            "revision": row.revision, "fields": list(row.fields), "outcome": row.outcome, "reason": row.reason,
            "request_id": row.request_id, "at": at(row.at_ms),
        }
    )  # fmt: skip
