"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, makes nothing twice.

The id of what is made is a function of the token and the key, so two that run at once make the same thing too; the
record keeps a hash of the request, so a key that comes back with another request is refused.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from service.api.services import CallerDep

NAMESPACE = uuid.UUID("5b1f4d0e-6c1e-5f4e-9d38-0c6f2b9b7a51")
"""Never changes: ids of things that were made depend on it."""
NONCE_CHARACTERS = 16
REPLAYED = "Idempotent-Replayed"

_Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[ -~]+$",
        description="Chosen by you, another for each thing that is to be made; the same one again makes nothing twice.",
    ),
]


@dataclass(frozen=True, slots=True)
class Idempotency:
    """What the header said of a request."""

    key: str | None
    token: str
    method: str
    path: str

    def id_for(self, prefix: str) -> str | None:
        """The id that what is made will have, e.g. of prefix `sub_`; None: any."""
        if self.key is None:
            return None
        return prefix + uuid.uuid5(NAMESPACE, f"{self.token}\0{self.method} {self.path}\0{self.key}").hex

    def nonce(self) -> str | None:
        """In place of an id, for what has an id already: hexadecimal; None: none."""
        if self.key is None:
            return None
        return hashlib.sha256(f"{self.token}\0{self.path}\0{self.key}".encode()).hexdigest()[:NONCE_CHARACTERS]

    def request_hash(self, body: BaseModel | Mapping[str, Any] | None) -> str | None:
        """What the record keeps of the request; None without a key."""
        if self.key is None:
            return None
        said = body.model_dump(mode="json", exclude_unset=True) if isinstance(body, BaseModel) else body
        canonical = orjson.dumps([self.method, self.path, said], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(canonical).hexdigest()


def _of_request(request: Request, caller: CallerDep, key: _Key = None) -> Idempotency:
    return Idempotency(key, caller.token.id, request.method, request.url.path)


IdempotencyDep = Annotated[Idempotency, Depends(_of_request)]


def say_whether(replayed: bool, response: Response) -> None:  # noqa: FBT001 - it is what is said
    """Say that nothing new was made, where that is so."""
    if replayed:
        response.headers[REPLAYED] = "true"
