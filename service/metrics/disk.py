"""How much room there is where a role keeps its data, and what its tables take of it."""

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry

from service.metrics.bounded import Gathered


class DiskMetrics:
    """Of the file system of one directory; nothing before it was looked at: a 0 would say that it is full."""

    def __init__(self, registry: CollectorRegistry) -> None:
        free = Gathered(registry, "bongsu_data_free_bytes", "Room left in the file system of BONGSU_DATA_DIR.")
        size = Gathered(registry, "bongsu_data_size_bytes", "Size of the file system of BONGSU_DATA_DIR.")
        self._seen: tuple[int, int] | None = None
        free.ask = lambda: [((), self._seen[0])] if self._seen else []
        size.ask = lambda: [((), self._seen[1])] if self._seen else []

    def look(self, path: Path) -> None:
        """Ask the file system; a directory that is not there is passed over."""
        with contextlib.suppress(OSError):
            usage = shutil.disk_usage(path)
            self._seen = usage.free, usage.total


def table_bytes(path: Path, tables: Iterable[str]) -> dict[str, int]:
    """Bytes of each table below a worker's directory: `.../<table>-<partition>.db/...`. Files come and go meanwhile."""
    found = Counter(dict.fromkeys(tables, 0))
    for folder, _, files in os.walk(path):
        table = next(
            (part.rpartition("-")[0] for part in Path(folder).relative_to(path).parts if part.endswith(".db")), ""
        )
        if table in found:
            for name in files:
                with contextlib.suppress(OSError):
                    found[table] += (Path(folder) / name).stat().st_size
    return dict(found)
