"""Every error that Bongsu raises on purpose, with what is to be done about it on the class.

BongsuError
├── BadInput                 dead-letter or report it, never retry
│   ├── UndecodableArticle   not UTF-8, not an article
│   │   └── NotJson          nothing of it can be read at all
│   ├── InvalidRules         rule files or a rule set that do not load; carries every problem with its place
│   ├── InvalidSubscription  a subscription that cannot work
│   ├── NotFound             there is nothing of this id, or it is another tenant's: nobody can tell which
│   └── RequestReused        an Idempotency-Key that made something else
├── NewerSchema              a record of a newer Bongsu: stop the role, upgrade it, lose nothing
├── WrongSetup               a setting, a missing extra, a port in use: exit with a sentence that helps
├── ChangedMeanwhile         somebody else changed it first: look again, and decide again
└── Unavailable              Kafka (or another part outside) does not answer: retry
    └── HistoryUnavailable   the index of deliveries, attempts and decisions is missing or behind
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self


class BongsuError(Exception):
    """Root of all errors raised on purpose."""

    retriable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1
    outside: str | None = None
    """What to tell instead of the message who asks over a network: the message may name machines, files and settings,
    which are for whoever runs Bongsu. None: the message names none."""

    def told_outside_as(self, text: str) -> Self:
        """This error, with `outside`."""
        self.outside = text
        return self


class BadInput(BongsuError):
    """What came in cannot be used, now or later."""

    exit_code = 2


class UndecodableArticle(BadInput):
    """The bytes are not an article. `article_id` is known when the JSON at least had one."""

    def __init__(self, reason: str, article_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.article_id = article_id


class NotJson(UndecodableArticle):
    """The bytes are not even JSON."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a rule file: where it stands, what is wrong and what to do about it."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class InvalidRules(BadInput):
    """Rules that do not load. All problems at once, so that an author mends them in one go."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class InvalidSubscription(BadInput):
    """A subscription that cannot work, refused where it is written."""


class NotFound(BadInput):
    """Nothing of this id, for whoever asks: what belongs to another tenant is not there."""


class RequestReused(BadInput):
    """An Idempotency-Key that was used for another request, or for something that is gone since."""


class ChangedMeanwhile(BongsuError):
    """A change was made from a state that stands no longer; nothing of it was kept."""


class NewerSchema(BongsuError):
    """A record says a schema number that this version does not know: not poison, but a role to upgrade."""

    exit_code = 3
    outside = "a newer Bongsu has written what this one cannot read"

    def __init__(self, topic: str, found: object, known: int) -> None:
        super().__init__(
            f"a record on `{topic}` has schema {found!r}; this Bongsu knows up to {known}. Upgrade this role; "
            "nothing was skipped, it goes on where it stopped."
        )


class WrongSetup(BongsuError):
    """A setting or the machine is not as it must be; the message says which and what to do."""

    exit_code = 2
    outside = "Bongsu is not set up as it must be"


class Unavailable(BongsuError):
    """Something outside does not answer; trying again may help."""

    retriable = True


class HistoryUnavailable(Unavailable):
    """The history cannot answer now; nothing is lost, for it is only an index of the topics."""
