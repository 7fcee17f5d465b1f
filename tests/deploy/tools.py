"""Where the tools of tests/deploy are, and how they are called.

They are not Python packages of ours: `.ci/deploy-tools` (and Debian) brings them. Where one is missing its tests are
skipped; under `.ci/run`, which says CI_TOOLS=1, a missing tool is a failure: a check that did not run has not passed.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BAD = Path(__file__).parent / "bad"
CACHE = Path(os.environ.get("CI_TOOLS_CACHE") or Path.home() / ".cache" / "bongsu-ci")
HOW = "`.ci/deploy-tools` installs it (as root, on Debian)"


def missing(what: str, how: str = HOW) -> None:
    """Skip this test, or fail it where the tools must be there."""
    message = f"{what} is not here; {how}"
    if os.environ.get("CI_TOOLS"):
        pytest.fail(message)
    pytest.skip(message)


def tool(name: str, how: str = HOW) -> str:
    """Path of a program: of `.ci/deploy-tools` first, then of the PATH."""
    places = os.pathsep.join([str(CACHE / "bin"), str(CACHE / "venv" / "bin"), os.environ.get("PATH", "")])
    found = shutil.which(name, path=places)
    if found is None:
        missing(name, how)
    assert found is not None
    return found


def crd(name: str) -> Path:
    """A CustomResourceDefinition that `.ci/deploy-tools` fetched."""
    path = CACHE / "crds" / name
    if not path.exists():
        missing(name)
    return path


def run(
    argv: Sequence[object], *, stdin: str | None = None, env: Mapping[str, str] | None = None, timeout_s: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a tool to its end, whatever its exit code."""
    return subprocess.run(
        [str(word) for word in argv],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={**os.environ, **(env or {})},
        cwd=ROOT,
    )


def said(result: "subprocess.CompletedProcess[str]") -> str:
    """All that a tool printed: the message of a failed assertion."""
    return f"exit code {result.returncode}\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
