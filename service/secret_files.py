"""Secrets out of files: `BONGSU_<...>_FILE` names one, as for the images of PostgreSQL and Grafana.

An environment is seen by whoever may inspect a container; what Docker and Kubernetes mount under a path is not. A file
is read once, at start, and what cannot be meant is refused there: two secrets that differ by a line end seal and sign
differently, and nobody would see why.
"""

import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path

from service.model.errors import WrongSetup

SUFFIX = "_FILE"
MAX_BYTES = 65_536


def file_variable(name: str) -> str:
    """Which variable names the file that the secret `name` stands in."""
    return name + SUFFIX


def with_files(env: Mapping[str, str], secrets: Collection[str]) -> dict[str, str]:
    """`env` with the secrets that stand in files.

    Args:
        env: of the process.
        secrets: names of the variables that are secret.

    Raises:
        WrongSetup: a file cannot be read, is not one line of text, or the secret is given a second time.
    """
    found = dict(env)
    for name in secrets:
        path = found.get(file_variable(name))
        if path is None:
            continue
        if name in env:
            raise WrongSetup(f"{name} and {file_variable(name)} are both set; unset one of them")
        found[name] = _read(file_variable(name), path)
    return found


def _read(variable: str, path: str) -> str:
    if not path:
        raise WrongSetup(f"{variable} names no file; unset it, or say the path of one")
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise WrongSetup(f"{variable}: there is no file {path}; is the secret mounted?") from None
    except IsADirectoryError:
        raise WrongSetup(
            f"{variable}: {path} is a directory, and a file is needed; Docker makes a directory where what it is to "
            "mount does not exist"
        ) from None
    except PermissionError:
        raise WrongSetup(f"{variable}: {path} may not be read by {_who(path)}") from None
    except (OSError, ValueError) as error:
        raise WrongSetup(f"{variable}: {path} cannot be read: {error}") from None
    if len(raw) > MAX_BYTES:
        raise WrongSetup(f"{variable}: {path} holds more than {MAX_BYTES} bytes; that is no secret of ours")
    try:
        text = raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise WrongSetup(f"{variable}: {path} is not text in UTF-8") from None
    if not text:
        raise WrongSetup(f"{variable}: {path} is empty")
    if "\n" in text or "\r" in text or "\0" in text:
        raise WrongSetup(f"{variable}: {path} holds more than one line; the secret is the only line of its file")
    return text


def _who(path: str) -> str:
    """Who we are, and whose the file is, as far as that can be seen."""
    asked = f"uid {os.getuid()}"
    try:
        there = Path(path).stat()
    except OSError:
        return f"{asked}: a directory on the way is closed to it"
    return (
        f"{asked}: it is of uid {there.st_uid} with mode {stat.S_IMODE(there.st_mode):04o}. Give it to that uid, or "
        "let its group read it (Kubernetes: fsGroup and defaultMode 0440)"
    )
