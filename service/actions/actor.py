"""Who asks for something, and for whom."""

import getpass
import socket
from dataclasses import dataclass

from service.model.record import DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: what it may see is its tenant's, what it changes is written down under its name."""

    name: str
    """`token:<id>` or `cli:<user>@<host>`."""
    tenant: str = DEFAULT_TENANT
    request_id: str | None = None
    """Of the HTTP request."""

    @classmethod
    def of_shell(cls, tenant: str = DEFAULT_TENANT) -> "Actor":
        """Whoever runs a command here."""
        return cls(f"cli:{user()}@{socket.gethostname() or 'localhost'}", tenant)


def user() -> str:
    """The name of the user of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have a number and no name
        return "unknown"
