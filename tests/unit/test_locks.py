"""Lock files pin by hash and name no host: whoever installs says which registry he asks."""

import json
import os
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HASH = re.compile(r"--hash=sha256:|\"integrity\": \"sha512-| h1:")
HOST = re.compile(r"://|\b(?:[a-z0-9-]+\.)+(?:com|dev|io|me|net|org)\b")
# modules of Go are named like the place that they come from
GO = re.compile(r"://")


def locks() -> list[Path]:
    """Every file that pins by hash; what is installed, and hidden folders but .ci, are not ours."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name != "node_modules" and (name == ".ci" or name[0] != ".")]
        found += [
            path
            for path in (Path(folder) / name for name in files)
            if re.search(r"(\.lock|[-.]lock\.(json|yaml)|\.sum|\.txt|shrinkwrap\.json)$", path.name)
            and HASH.search(path.read_text(encoding="utf-8", errors="replace"))
        ]
    return sorted(found)


LOCKS = locks()
NPM = [path for path in LOCKS if path.name == "package-lock.json"]
NPM_LOCK = runpy.run_path(str(ROOT / ".ci" / "npm_lock.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_all_locks_are_looked_at() -> None:
    assert {name_of(path) for path in LOCKS} >= {
        "requirements.lock",
        ".ci/deploy-tools.txt",
        ".ci/compose-check/go.sum",
        ".ci/contracts/package-lock.json",
        "deploy/grafana/pictures/package-lock.json",
    }


@pytest.mark.parametrize("path", LOCKS, ids=name_of)
def test_no_lock_names_a_host(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    host = GO if path.name == "go.sum" else HOST
    assert [f"{name_of(path)}:{number}" for number, line in enumerate(lines, 1) if host.search(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        '"resolved": "https://registry.example.org/left/-/left-1.0.0.tgz",',
        '"url": "https://example.net/sponsors/somebody"',
        '"resolved": "git+ssh://git@example.com/left.git#1",',
        "--index-url https://pypi.example.org/simple",
        "# from packages.example.com",
    ],
)
def test_a_host_would_be_seen(line: str) -> None:
    assert HOST.search(line)


def test_every_lock_of_npm_is_written_by_the_script() -> None:
    assert {folder / "package-lock.json" for folder in NPM_LOCK["FOLDERS"]} == set(NPM)
    for path in NPM:
        assert NPM_LOCK["without_addresses"](path.read_text(encoding="utf-8")) == path.read_text(encoding="utf-8")


def test_the_script_takes_out_addresses_and_nothing_else() -> None:
    kept: dict[str, Any] = {"version": "1.0.0", "integrity": "sha512-a", "dependencies": {"funding": "^2.0.0"}}
    spoken = {"resolved": "https://registry.example.org/left.tgz", "funding": [{"url": "https://example.net"}]}
    lock = json.dumps({"lockfileVersion": 3, "packages": {"": {}, "node_modules/left": kept | spoken}})
    made = json.loads(NPM_LOCK["without_addresses"](lock))
    assert made == {"lockfileVersion": 3, "packages": {"": {}, "node_modules/left": kept}}
