"""Names to addresses, all of which may be called: the part of the webhook client that closes DNS rebinding."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from service.delivery.addresses import AddressPolicy, Refusal, check_address

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> addresses, as texts. Raises OSError when there is none."""

DNS_THREADS = 16


class BlockedAddressError(OSError):
    """An address that may not be called. An OSError, so that aiohttp treats it as a connection that cannot be made."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


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


class VettingResolver(AbstractResolver):
    """Resolves a name and refuses it as a whole when any of its addresses may not be called."""

    def __init__(self, lookup: Lookup, policy: AddressPolicy, scheme: str) -> None:
        self._lookup = lookup
        self._policy = policy
        self._scheme = scheme

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of `host`, each of them allowed.

        Raises:
            BlockedAddressError: one of them is not.
        """
        texts = await self._lookup(host, port)
        if not texts:
            raise OSError(f"{host} has no address")
        results = []
        for text in texts:
            address = ip_address(text)
            refusal = check_address(address, self._policy, scheme=self._scheme, port=port)
            if refusal is not None:
                raise BlockedAddressError(Refusal(refusal.reason, f"{host} is {refusal.detail}"))
            of_family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            if family in (socket.AF_UNSPEC, of_family):
                results.append(
                    ResolveResult(
                        hostname=host, host=text, port=port, family=of_family, proto=0, flags=socket.AI_NUMERICHOST
                    )
                )
        return results

    async def close(self) -> None:
        """Nothing of its own."""
