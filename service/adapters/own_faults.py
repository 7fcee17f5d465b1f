"""Which errors of a connection that could not be made are this machine's, and not the other side's.

`host unreachable` is not among them: a router near the other side says so as well as one of ours.
"""

import errno
import socket

from service.delivery.attempts import Failure

_ERRNOS = {
    Failure.NETWORK: (errno.ENETUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES),
    Failure.RESOURCES: (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL),
}
_FAILURE_OF = {number: failure for failure, numbers in _ERRNOS.items() for number in numbers}
_RESOLVER_ANSWERED = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""That a name has no address is an answer; everything else that getaddrinfo says is the lack of one."""
MAX_CAUSES = 8


def own_fault(error: BaseException | None) -> Failure | None:
    """Class of a fault of ours that caused `error`; None when it may be the other side's.

    Looks behind what a library has wrapped it in (`__cause__`, `__context__`, exception groups): of a name
    with several addresses each is dialled, and only when all of them fail here is it ours.
    """
    for _ in range(MAX_CAUSES):
        if error is None:
            return None
        if isinstance(error, BaseExceptionGroup):
            found = {own_fault(each) for each in error.exceptions}
            return found.pop() if len(found) == 1 else None
        if isinstance(error, socket.gaierror):
            if error.errno == socket.EAI_MEMORY:
                return Failure.RESOURCES
            return None if error.errno in _RESOLVER_ANSWERED else Failure.RESOLVER
        if isinstance(error, OSError) and error.errno is not None:
            return _FAILURE_OF.get(error.errno)
        error = error.__cause__ or error.__context__
    return None
