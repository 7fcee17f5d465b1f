"""What a process that is measured has used, out of /proc, and what it counts, out of its /metrics."""

import os
import re
import urllib.request
from pathlib import Path


def used_cpu_s(pid: int) -> float:
    """User and system time of a process, all its threads; 0 where there is no /proc."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="utf-8").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> tuple[int, int]:
    """Resident memory of a process: now, and the most it ever had; 0 where there is no /proc."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0, 0
    sizes = dict(re.findall(r"(Vm\w+):\s+(\d+)", status.read_text(encoding="utf-8")))
    return int(sizes["VmRSS"]) // 1_024, int(sizes["VmHWM"]) // 1_024


def metric(port: int, series: str) -> float:
    """The sum of all samples of a role's /metrics whose line begins as the pattern `series` says. Blocks."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(series, line))
