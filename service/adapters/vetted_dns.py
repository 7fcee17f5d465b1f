"""Names to addresses, all of which may be called: the part of the webhook client that closes DNS rebinding.

An answer is kept for a few seconds; what is kept is the answer and not the verdict: it is vetted at each dial. Names
whose servers do not answer cost the others nothing: they are not waited for long, not asked again at once, and blocked
threads are never those of names that do answer. A name that did answer is called where it was for a minute more while
its servers are silent (RFC 8767).
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any, NamedTuple

from service.adapters.http_connection import Watch
from service.adapters.own_faults import own_fault
from service.delivery.addresses import AddressPolicy, Refusal, check_address

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> addresses, as texts. Raises OSError when there is none."""

MAX_NAMES = 4096
THREADS = 64
"""Of each kind of name: that answered when it was asked last, that did not, that was never asked."""
ANSWER_S = 5.0
"""Waited for an answer; a resolver asks other servers meanwhile, and more often than once."""
OLD_AFTER_S = 1.0
"""Waited for an answer where there is an old one."""
OLD_FOR_S = 60.0
"""So long an answer is used beyond its time, while there is no newer one."""
SILENT_S = 30.0
"""A name that did not answer is not asked again for so long."""


class BlockedAddressError(OSError):
    """An address that may not be called. An OSError: for whoever dials, a connection that cannot be made."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class NoName(OSError):
    """DNS gave no address for a name; its cause says why."""


class SystemLookup:
    """getaddrinfo, which blocks, in threads of its own; a name that never answers blocks one for half a minute."""

    def __init__(self) -> None:
        self._answered: dict[str, bool] = {}
        """Names that were asked, oldest first."""
        self._room = {kind: asyncio.Semaphore(THREADS) for kind in (True, False, None)}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Addresses of a name, as texts."""
        kind = self._answered.get(host)
        async with self._room[kind]:
            began = time.monotonic()
            asked = _in_a_thread(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            # one that does not answer gives its place up to the next of its kind, unless all of them are like that
            try:
                await asyncio.wait({asked}, timeout=None if kind is False else ANSWER_S)
            except asyncio.CancelledError:
                asked.cancel()
                raise
        answered = asked.done()
        try:
            found = await asked
        except OSError as error:
            answered = answered and own_fault(error) is None  # that there is no such name is an answer
            raise
        finally:
            self._answered[host] = answered and time.monotonic() - began < ANSWER_S
            if len(self._answered) > MAX_NAMES:
                del self._answered[next(iter(self._answered))]
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _in_a_thread(work: Callable[[], Any]) -> "asyncio.Future[Any]":
    """As `asyncio.to_thread`, in a thread that keeps nobody from ending the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: Exception | None) -> None:
        if done.done():
            return  # cancelled: nobody waits for it
        if error is None:
            done.set_result(value)
        else:
            done.set_exception(error)

    def run() -> None:
        value, failed = None, None
        try:
            value = work()
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, value, failed)

    threading.Thread(target=run, name="dns", daemon=True).start()
    return done


class _Known(NamedTuple):
    """An answer, and when it was given (in the loop's time)."""

    at: float
    texts: Sequence[str]


class VettedNames:
    """Resolves a name and refuses it as a whole when any of its addresses may not be called."""

    def __init__(self, lookup: Lookup, policy: AddressPolicy, *, kept_s: float) -> None:
        self._lookup = lookup
        self._policy = policy
        self._kept_s = kept_s
        self._known: dict[tuple[str, int], _Known] = {}
        self._asked: dict[tuple[str, int], tuple[float, asyncio.Task[Sequence[str]]]] = {}
        """Of one name, one question at a time; whoever else wants it waits for the same answer. With its time."""
        self._silent: dict[tuple[str, int], float] = {}
        """Not to be asked before this."""

    async def resolve(self, host: str, port: int, scheme: str, watch: Watch) -> list[str]:
        """All addresses of `host`, each of them allowed; a `host` that is an address is its own answer.

        Raises:
            NoName: it has none.
            BlockedAddressError: one of them may not be called.
        """
        try:
            texts: Sequence[str] = [str(ip_address(host))]
        except ValueError:
            texts = await self._addresses(host, port, watch)
        for text in texts:
            refusal = check_address(ip_address(text), self._policy, scheme=scheme, port=port)
            if refusal is not None:
                raise BlockedAddressError(Refusal(refusal.reason, f"{host} is {refusal.detail}"))
        return [str(ip_address(text)) for text in texts]

    async def close(self) -> None:
        """Ask nothing more."""
        asked = [task for _, task in self._asked.values()]
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    async def _addresses(self, host: str, port: int, watch: Watch) -> Sequence[str]:
        key = (host, port)
        now = asyncio.get_running_loop().time()
        known = self._known.get(key)
        if known is not None and now < known.at + self._kept_s:
            return known.texts
        old = known if known is not None and now < known.at + self._kept_s + OLD_FOR_S else None
        watch.dns = time.perf_counter()
        try:
            texts = await self._answer(key, ANSWER_S if old is None else OLD_AFTER_S)
        except (OSError, UnicodeError) as error:
            if old is None or own_fault(error) is None:
                raise NoName(str(error)) from error
            texts = old.texts
        if not texts:
            raise NoName(f"{host} has no address")
        watch.resolved = time.perf_counter()
        return texts

    async def _answer(self, key: tuple[str, int], wait_s: float) -> Sequence[str]:
        """What its servers say within `wait_s` of being asked.

        Raises:
            OSError: there is no such name, or no answer.
        """
        now = asyncio.get_running_loop().time()
        if now < self._silent.get(key, now):
            raise _no_answer("when it was last asked")
        since, task = self._asked.get(key, (now, None))
        if task is None:
            task = asyncio.create_task(self._ask(*key))
            self._asked[key] = since, task
            task.add_done_callback(lambda done: self._answered(key, since, done))
        await asyncio.wait({task}, timeout=max(0.0, since + wait_s - now))
        if not task.done():
            raise _no_answer(f"within {wait_s:g} s")
        return task.result()

    async def _ask(self, host: str, port: int) -> Sequence[str]:
        return await self._lookup(host, port)

    def _answered(self, key: tuple[str, int], since: float, task: "asyncio.Task[Sequence[str]]") -> None:
        self._asked.pop(key, None)
        now = asyncio.get_running_loop().time()
        if task.cancelled():
            return
        if task.exception() is not None:
            if now - since >= ANSWER_S:
                self._silent = {name: until for name, until in self._silent.items() if until > now}
                self._silent[key] = now + SILENT_S
            return
        if len(self._known) >= MAX_NAMES:
            kept_s = self._kept_s + OLD_FOR_S
            self._known = {name: known for name, known in self._known.items() if known.at + kept_s > now}
        if len(self._known) < MAX_NAMES and task.result():
            self._known[key] = _Known(now, task.result())


def _no_answer(when: str) -> OSError:
    return socket.gaierror(socket.EAI_AGAIN, f"no answer from the servers of this name {when}")
