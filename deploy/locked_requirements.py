"""The part of requirements.lock that an image needs: the service, the extras that were asked for, and nothing else.

The lock holds everything, tools for development too. pip cannot install a part of it and still check hashes, so this
picks the part: it starts from the names in pyproject.toml and follows the lock's own "# via" remarks. Standard library
only, for it runs before anything is installed.

    python locked_requirements.py [--extras a,b] [--group build-system] > wanted.txt
"""  # noqa: INP001

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_ENTRY = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==")
_VIA = re.compile(r"^    #(?: via| {2})\s*([A-Za-z0-9][A-Za-z0-9._-]*)?")


def canonical(requirement: str) -> str:
    """Name of a requirement as package indexes compare it."""
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", requirement.strip())
    if found is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def entries(lock: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Name -> (its lines as they stand, the names that asked for it)."""
    blocks: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lock.splitlines():
        if found := _ENTRY.match(line):
            current = blocks.setdefault(canonical(found[1]), [])
        current.append(line)
    via = {
        name: frozenset(canonical(found[1]) for line in lines if (found := _VIA.match(line)) and found[1])
        for name, lines in blocks.items()
    }
    return {name: ("\n".join(lines), via[name]) for name, lines in blocks.items()}


def wanted(lock: dict[str, tuple[str, frozenset[str]]], roots: Iterable[str]) -> list[str]:
    """Names of `roots` and of everything that they need, sorted.

    Raises:
        ValueError: a root is not in the lock.
    """
    names = {canonical(root) for root in roots}
    if missing := sorted(names - lock.keys()):
        raise ValueError(f"not in requirements.lock: {', '.join(missing)}; run `make lock`")
    while more := {name for name, (_, via) in lock.items() if name not in names and via & names}:
        names |= more
    return sorted(names)


def roots(project: dict[str, Any], extras: Iterable[str], group: str | None) -> list[str]:
    """What pyproject.toml asks for.

    Raises:
        ValueError: an extra does not exist.
    """
    if group == "build-system":
        return list(project["build-system"]["requires"])
    optional = project["project"]["optional-dependencies"]
    found = list(project["project"]["dependencies"])
    for extra in extras:
        if extra not in optional:
            raise ValueError(f"there is no extra {extra!r}; pyproject.toml has {', '.join(optional)}")
        found += optional[extra]
    return found


def main() -> int:
    """Print the wanted part of the lock."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--extras", default="", help="comma-separated extras of pyproject.toml")
    options.add_argument("--group", choices=["build-system"], help="what builds the wheel, instead of the service")
    options.add_argument("--root", type=Path, default=Path(), help="where pyproject.toml and requirements.lock are")
    given = options.parse_args()
    project = tomllib.loads((given.root / "pyproject.toml").read_text(encoding="utf-8"))
    lock = entries((given.root / "requirements.lock").read_text(encoding="utf-8"))
    extras = [extra.strip() for extra in given.extras.split(",") if extra.strip()]
    try:
        names = wanted(lock, roots(project, extras, given.group))
    except ValueError as error:
        sys.stderr.write(f"locked_requirements: {error}\n")
        return 2
    sys.stdout.write("\n".join(lock[name][0] for name in names) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
