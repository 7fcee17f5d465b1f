"""Lists of words as readable files: `# a comment`, `[group]`, then words or phrases. Anyone can extend them."""

from importlib import resources


def read_groups(package: str, name: str, *, phrases: bool = False) -> dict[str, list[str]]:
    """The groups of `data/<name>` in `package`: words split at spaces, or one phrase a line."""
    groups: dict[str, list[str]] = {}
    words: list[str] = []
    for line in resources.files(package).joinpath("data", name).read_text(encoding="utf-8").splitlines():
        content = line.split("#", 1)[0].strip()
        if content.startswith("[") and content.endswith("]"):
            assert content[1:-1] not in groups, f"{name}: the group {content} stands there twice"
            words = groups[content[1:-1]] = []
        elif content:
            words.extend([content] if phrases else content.split())
    return groups
