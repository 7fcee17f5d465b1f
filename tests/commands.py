"""`bongsu` as a person calls it: a process of its own."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

from tests.forked import Forked

TIMEOUT_S = 60


def bongsu_process(
    *args: object, env: Mapping[str, str] | None = None, stdin: str | bytes | None = None
) -> "subprocess.CompletedProcess[Any]":
    """Run it to its end; `env` over ours. Its output is text, unless `stdin` is bytes."""
    return subprocess.run(
        [sys.executable, "-m", "service", *map(str, args)],
        input=stdin,
        capture_output=True,
        text=not isinstance(stdin, bytes),
        check=False,
        timeout=TIMEOUT_S,
        env={**os.environ, **(env or {})},
    )


def bongsu_forked(
    *args: object, env: Mapping[str, str] | None = None, stdin: str | bytes | None = None
) -> "subprocess.CompletedProcess[Any]":
    """The same, in a process that need not import everything first (tests/forked.py)."""
    argv = ["service", *map(str, args)]
    given = stdin.encode() if isinstance(stdin, str) else stdin or b""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        read, write = os.pipe()
        try:
            process = Forked(
                argv, env={**os.environ, **(env or {})}, stdin=read, stdout=out.fileno(), stderr=err.fileno()
            )
        finally:
            os.close(read)
        threading.Thread(target=_feed, args=(write, given), daemon=True).start()
        try:
            code = process.wait(TIMEOUT_S)
        finally:
            process.kill()
        said = []
        for file in (out, err):
            file.seek(0)
            said.append(file.read())
    if not isinstance(stdin, bytes):
        return subprocess.CompletedProcess(argv, code, *(text.decode().replace("\r\n", "\n") for text in said))
    return subprocess.CompletedProcess(argv, code, *said)


def _feed(fd: int, given: bytes) -> None:
    with open(fd, "wb") as pipe:
        try:
            pipe.write(given)
            pipe.flush()
        except BrokenPipeError:  # it ended without reading all
            pass
