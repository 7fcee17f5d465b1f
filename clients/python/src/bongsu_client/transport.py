"""Requests that are safe to send again, and sent again: 429, 503 and answers that got lost.

Every POST that makes something carries an Idempotency-Key, so a second one makes nothing twice; the rest of the API
is idempotent by itself. `Retry-After` is obeyed; without one the waits double, with some luck in them.
"""

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from bongsu_client.problems import Problem, Unreachable, problem

RETRIED = frozenset({429, 503})
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 30.0
"""Also of a Retry-After: who is told to wait for longer hears it at once, as the problem."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered: its JSON, and its headers where they matter."""

    json: Any
    headers: httpx.Headers


class Transport:
    """One API, one token. Safe to use from several threads."""

    def __init__(  # noqa: PLR0913 - each has a default that is right for most
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 30.0,
        retries: int = 4,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        luck: Callable[[], float] = random.random,
    ) -> None:
        """Connects when it is first used.

        Args:
            url: where the API listens, without `/v1`.
            token: of `bongsu token create`.
            timeout_s: for each part of a request: to connect, to write, to read.
            retries: how many times a request is sent again.
            transport: of httpx, e.g. with a proxy or a certificate of your own.
            sleep: waits that many seconds.
            luck: a number in [0, 1), so that many clients do not come again all at once.
        """
        self.retries = retries
        self._sleep = sleep
        self._luck = luck
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "User-Agent": "bongsu-client/0.1.0"},
            timeout=timeout_s,
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
        makes: bool = False,
    ) -> Answer:
        """Send a request until it is answered for good.

        Args:
            method: GET, POST, ...
            path: from `/v1` on.
            query: those that are None are left out.
            json: the body, or
            content: the body as bytes, with a Content-Type in `headers`.
            headers: those that are None are left out.
            makes: it makes something: an Idempotency-Key is chosen where `headers` has none.

        Raises:
            Problem: the API refused, at last.
            Unreachable: it did not answer, at last.
        """
        said = {name: value for name, value in (headers or {}).items() if value is not None}
        if makes:
            said.setdefault("Idempotency-Key", str(uuid.uuid4()))
        request = self._http.build_request(
            method, path, params=_present(query or {}), json=json, content=content, headers=said
        )
        for sent in range(1, self.retries + 2):
            last = sent > self.retries
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                if last:
                    raise Unreachable(f"{method} {request.url}: {error or type(error).__name__}") from error
                self._sleep(self._wait_s(sent))
                continue
            if response.is_success:
                return Answer(response.json() if response.content else None, response.headers)
            refused = _problem(response)
            wait_s = refused.retry_after_s if refused.retry_after_s is not None else self._wait_s(sent)
            if last or response.status_code not in RETRIED or wait_s > LONGEST_WAIT_S:
                if method == "DELETE" and sent > 1 and response.status_code == 404:
                    return Answer(None, response.headers)  # the answer of an earlier one got lost
                raise refused
            self._sleep(wait_s)
        raise AssertionError("the last round returns or raises")

    def _wait_s(self, sent: int) -> float:
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (sent - 1)) * (0.5 + self._luck())


def _present(query: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in query.items() if value is not None]


def _problem(response: httpx.Response) -> Problem:
    after = response.headers.get("Retry-After", "")
    retry_after_s = float(after) if after.isdecimal() else None
    try:
        said = response.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        said = {"title": response.reason_phrase, "detail": response.text[:200]}
    return problem(response.status_code, said, retry_after_s)
