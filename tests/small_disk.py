"""A file system that is soon full: a small tmpfs, mounted for one test. Needs root, as a CI machine has it."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CHUNK = 65_536


class SmallDisk:
    """Fill it, and make room again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Until not a byte more goes in."""
        with self._ballast.open("ab", buffering=0) as out:
            for size in (CHUNK, 1):
                with contextlib.suppress(OSError):
                    while out.write(b"x" * size) == size:
                        pass
        assert shutil.disk_usage(self.path).free == 0

    def make_room(self) -> None:
        """Take away what `fill` put there."""
        self._ballast.unlink()


@contextlib.contextmanager
def small_disk(path: Path, mb: int) -> Iterator[SmallDisk]:
    """A file system of `mb` MB at `path` until the block ends; without the right to mount the test is skipped."""
    path.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mb}m", "tmpfs", str(path)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        assert not os.environ.get("CI_TOOLS"), mounted.stderr
        pytest.skip(f"this user may not mount a tmpfs: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
