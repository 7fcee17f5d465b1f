"""`bongsu` as a person calls it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


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
        timeout=60,
        env={**os.environ, **(env or {})},
    )
