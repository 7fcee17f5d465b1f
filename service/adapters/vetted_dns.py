"""Names to addresses, all of which may be called: the part of the webhook client that closes DNS rebinding.

An answer is kept for a few seconds; what is kept is the answer and not the verdict: it is vetted at each dial.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from service.adapters.http_connection import Watch
from service.delivery.addresses import AddressPolicy, Refusal, check_address

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> addresses, as texts. Raises OSError when there is none."""

MAX_NAMES = 4096
DNS_THREADS = 16


class BlockedAddressError(OSError):
    """An address that may not be called. An OSError: for whoever dials, a connection that cannot be made."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class NoName(OSError):
    """DNS gave no address for a name; its cause says why."""


class SystemLookup:
    """getaddrinfo in threads of its own: names that never answer must not use up the threads of everything else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(DNS_THREADS, thread_name_prefix="dns")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Addresses of a name, as texts."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def close(self) -> None:
        """Let the threads go; one that still waits for DNS ends when its answer comes."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class VettedNames:
    """Resolves a name and refuses it as a whole when any of its addresses may not be called."""

    def __init__(self, lookup: Lookup, policy: AddressPolicy, *, kept_s: float) -> None:
        self._lookup = lookup
        self._policy = policy
        self._kept_s = kept_s
        self._known: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}
        """With the time of `asyncio` until which each holds."""
        self._asked: dict[tuple[str, int], asyncio.Task[Sequence[str]]] = {}
        """Of one name, one question at a time; whoever else wants it waits for the same answer."""

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
        asked = list(self._asked.values())
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    async def _addresses(self, host: str, port: int, watch: Watch) -> Sequence[str]:
        key = (host, port)
        until, texts = self._known.get(key, (0.0, ()))
        if asyncio.get_running_loop().time() < until:
            return texts
        watch.dns = time.perf_counter()
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(host, port))
            task.add_done_callback(lambda done: self._answered(key, done))
        try:
            texts = await asyncio.shield(task)
        except (OSError, UnicodeError) as error:
            raise NoName(str(error)) from error
        if not texts:
            raise NoName(f"{host} has no address")
        watch.resolved = time.perf_counter()
        return texts

    async def _ask(self, host: str, port: int) -> Sequence[str]:
        return await self._lookup(host, port)

    def _answered(self, key: tuple[str, int], task: "asyncio.Task[Sequence[str]]") -> None:
        self._asked.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        now = asyncio.get_running_loop().time()
        if len(self._known) >= MAX_NAMES:
            self._known = {name: known for name, known in self._known.items() if known[0] > now}
        if len(self._known) < MAX_NAMES and task.result():
            self._known[key] = (now + self._kept_s, task.result())
