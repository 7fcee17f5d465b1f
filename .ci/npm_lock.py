#!/usr/bin/env python3
"""Re-resolve every package-lock.json of the repository: versions and hashes, no addresses.

    .ci/npm_lock.py

npm writes down where each package came from and where its authors take donations. To install by hash neither is
needed, and the first ties the lock to one registry. What package.json asks for may stay as it is locked: npm only
resolves what is missing or no longer fits. Needs npm, and nothing but Python's standard library.
"""

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (ROOT / ".ci" / "contracts", ROOT / "deploy" / "grafana" / "pictures")
ADDRESSES = {"resolved", "funding"}
NPM = ("npm", "install", "--package-lock-only", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund")


def without_addresses(lock: str) -> str:
    """The text of a package-lock.json without what names a host."""
    value = json.loads(lock)
    value["packages"] = {
        path: {name: part for name, part in package.items() if name not in ADDRESSES}
        for path, package in value["packages"].items()
    }
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    """Resolve, then take the addresses out."""
    for folder in FOLDERS:
        subprocess.run(NPM, cwd=folder, check=True)  # noqa: S603
        file = folder / "package-lock.json"
        file.write_text(without_addresses(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
