"""The directory of a worker's tables: one to a process, of this Kafka and no other.

RocksDB lets one process in. Two workers of one machine share BONGSU_DATA_DIR, so each takes the first slot whose lock
is free; the lock goes with the process, however it ends. The path names the Kafka cluster: tables of a cluster that is
gone would pass for those of the new one, whose changelogs begin at offset 0 again.
"""

import fcntl
import os
import shutil
import time
from pathlib import Path

from service import logs
from service.model.errors import WrongSetup

SLOTS = 64
KEPT_S = 12 * 3600.0
"""A table left alone for longer is read anew: a compacted changelog keeps what says "removed" for a day only."""


class LocalTables:
    """A slot that is ours from `take` to `release`."""

    def __init__(self, data_dir: Path, cluster: str, app_id: str) -> None:
        self._root = data_dir / "tables" / f"{cluster or 'unknown'}-{app_id}"
        self._lock: int | None = None
        self.path = self._root
        """Where the tables go; set by `take`."""

    def take(self) -> Path:
        """The path of the first free slot, emptied where it is too old to be trusted.

        Raises:
            WrongSetup: nothing can be written there, or all slots are taken.
        """
        for slot in range(SLOTS):
            self.path = self._root / str(slot)
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
            except OSError as error:
                raise WrongSetup(
                    f"the worker's tables cannot be kept in {self.path}: {error.strerror}; set BONGSU_DATA_DIR"
                ) from None
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            self._lock = lock
            self._empty_if_old()
            self.touch()
            return self.path
        raise WrongSetup(f"{SLOTS} workers share {self._root} already; give this one another BONGSU_DATA_DIR")

    def touch(self) -> None:
        """Say that the tables are up to date now; called every few seconds."""
        (self.path / "used").touch()

    def release(self) -> None:
        """Let another process take the slot."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _empty_if_old(self) -> None:
        try:
            age_s = time.time() - (self.path / "used").stat().st_mtime
        except FileNotFoundError:
            return
        if age_s > KEPT_S:
            logs.get(__name__).info("local tables are too old, reading them anew", path=str(self.path))
            shutil.rmtree(self.path / "faust", ignore_errors=True)
