"""Images built by buildah and run by podman, without a daemon, in a store of their own.

What the flags are for: `--isolation chroot` and runc with cgroupfs work where there is no systemd and no right to make
namespaces for a build (a CI machine that is itself a container); the host's authorities and pip configuration are
mounted while building, since a build machine may reach its package index only through them.
"""

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.tools import CACHE, HOW, ROOT, missing, run, said, tool

BASE = "localhost/python:3.11-slim-bookworm"
OF_THE_HOST = ("/etc/ssl/certs", "/etc/pip.conf")
LOCKED_DOWN = ("--read-only", "--tmpfs", "/tmp:size=64m", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
"""As deploy/compose.yaml and the chart run it."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was built here."""

    name: str
    size: int  # bytes, base included
    config: Mapping[str, Any]


def _buildah(*words: str, timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
    argv = [tool("buildah"), "--root", CACHE / "images", "--runroot", CACHE / "images-run", *words]
    return run(argv, env={"STORAGE_DRIVER": "overlay"}, timeout_s=timeout_s)


def podman(*words: object) -> list[object]:
    """Command line of podman."""
    store = ("--root", CACHE / "images", "--runroot", CACHE / "images-run", "--storage-driver", "overlay")
    runtime = ("--runtime", tool("runc"), "--cgroup-manager=cgroupfs", "--events-backend=file")
    return [tool("podman"), *store, *runtime, *words]


def build(target: str) -> Image:
    """Build a target of the Dockerfile on the base image of `.ci/deploy-tools`."""
    if not (CACHE / "images").exists() or _buildah("inspect", "--type", "image", BASE).returncode:
        missing(f"the base image {BASE}", HOW)
    name = f"localhost/bongsu:{target}"
    mounts = [word for path in OF_THE_HOST if Path(path).exists() for word in ("-v", f"{path}:{path}:ro")]
    done = _buildah(
        "bud", "--layers", "--isolation", "chroot", "--network", "host", "--format", "docker", *mounts,
        "--build-arg", f"BASE={BASE}", "--target", target, "-t", name, str(ROOT), timeout_s=280,
    )  # fmt: skip
    assert done.returncode == 0, said(done)
    told = json.loads(run(podman("image", "inspect", name)).stdout)[0]
    return Image(name, told["Size"], {**told["Config"], "Healthcheck": told["Healthcheck"]})


def size_of_base() -> int:
    """Bytes of the base image."""
    size: int = json.loads(run(podman("image", "inspect", BASE)).stdout)[0]["Size"]
    return size


def _run_words(*options: str) -> list[object]:
    limits = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")  # more than a container may ask for here
    return podman("run", "--rm", *limits, "--network", "host", "--no-healthcheck", *LOCKED_DOWN, *options)


def run_in(
    image: Image, *command: str, options: tuple[str, ...] = (), timeout_s: float = 60
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a new locked-down container, to its end."""
    return run([*_run_words(*options), image.name, *command], timeout_s=timeout_s)


class Container:
    """A locked-down container that runs."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log

    def exec(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in it."""
        return run(podman("exec", self.name, *command))

    def terminate(self, timeout_s: float) -> int:
        """SIGTERM to its first process; its exit code. Raises `subprocess.TimeoutExpired`."""
        run(podman("kill", "--signal", "TERM", self.name))
        return self.process.wait(timeout_s)

    def log(self) -> str:
        """What it printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def started(image: Image, *command: str, env: Mapping[str, str], log: Path) -> Iterator[Container]:
    """Run a command in a new locked-down container until the end of the block."""
    name = f"bongsu-test-{uuid.uuid4().hex[:8]}"
    options = [word for key, value in env.items() for word in ("--env", f"{key}={value}")]
    argv = [*_run_words("--name", name, *options), image.name, *command]
    with log.open("wb") as output:
        process = subprocess.Popen([str(word) for word in argv], stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Container(name, process, log)
    finally:
        if process.poll() is None:
            run(podman("kill", name))
        process.wait(30)
