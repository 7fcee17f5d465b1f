"""HEALTHCHECK of the image: asks the role that runs in this container whether it lives.

The port stands in the role's own command line (`--metrics-port 9100`), so it is said once and there is no variable that
could say another. A command without such a port (`bongsu topics create`) is healthy as long as it runs. /healthz and
not /readyz: a role that waits for a Kafka that is away is not mended by a restart.
"""  # noqa: INP001

import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

OPTION = "--metrics-port"
TIMEOUT_S = 4.0
COMMAND_LINE = Path("/proc/1/cmdline")


def metrics_port(argv: Sequence[str]) -> int | None:
    """Port of `--metrics-port N` or `--metrics-port=N`; None when there is none, or 0: nobody knows that one."""
    for index, word in enumerate(argv):
        name, has_value, value = word.partition("=")
        if name == OPTION:
            port = value if has_value else "".join(argv[index + 1 : index + 2])
            return int(port) or None if port.isdecimal() else None
    return None


def trouble(port: int) -> str | None:
    """What is wrong with the role at this port; None when it answers."""
    address = f"http://127.0.0.1:{port}/healthz"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S):
            return None
    except OSError as error:
        return f"{address}: {error}"


def main(command_line: Path = COMMAND_LINE) -> int:
    """0: healthy; 1: not, and why."""
    argv = command_line.read_bytes().decode("utf-8", "replace").split("\0")
    port = metrics_port(argv)
    found = None if port is None else trouble(port)
    sys.stdout.write(f"{found or ('ok' if port else f'no {OPTION}: nothing to ask')}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
