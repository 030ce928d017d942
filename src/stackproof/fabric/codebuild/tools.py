"""What a build finds in its PATH: what the test declares, then plain commands of this machine.

The plain commands are those that every build image has and that change nothing outside of the build's own
folder by themselves. Package managers, compilers, ``packer`` or ``terraform`` are not there until a test
declares them: a build then ends with exit code 127, as with an image that lacks them, and on every machine
alike.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stackproof.errors import UsageError

PLAIN = (
    "awk", "base64", "basename", "bash", "cat", "chmod", "cmp", "comm", "cp", "cut", "date", "diff",
    "dirname", "echo", "egrep", "env", "expr", "false", "fgrep", "find", "git", "grep", "gunzip", "gzip",
    "head", "id", "jq", "ln", "ls", "md5sum", "mkdir", "mktemp", "mv", "nl", "od", "paste", "printf", "pwd",
    "readlink", "realpath", "rm", "rmdir", "sed", "seq", "sh", "sha256sum", "sleep", "sort", "split", "stat",
    "tail", "tar", "tee", "test", "touch", "tr", "true", "uname", "uniq", "unzip", "wc", "which", "xargs",
    "zip",
)  # fmt: skip
"""Those of them that this machine has; ``python`` and ``python3`` are the interpreter of the test run."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a declared tool: its name, arguments, folder, variables, and what it was given to read."""

    name: str
    arguments: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    input: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a declared tool does: its exit code and what it writes."""

    code: int = 0
    output: str = ""
    errors: str = ""


Told = Answer | str | int | None
Stand = Callable[[Call], Told] | str | Path | None
"""A function of the test, the text of a script (``#!…``), a file, or None: the machine's own."""


def answered(told: Told) -> Answer:
    """A tool's answer: text is output, a number the exit code, None is nothing and success."""
    if isinstance(told, Answer):
        return told
    if isinstance(told, str):
        return Answer(output=told)
    return Answer(code=told or 0)


def check(name: str, stand: Stand) -> None:
    """Raise ``UsageError`` for a name or a stand-in that cannot be."""
    if not name or "/" in name:
        raise UsageError(f"'{name}' is no name of a command")
    if isinstance(stand, Path) and not stand.is_file():
        raise UsageError(f"there is no file {stand} to stand in for {name}")
    if isinstance(stand, str) and not stand.startswith("#!"):
        raise UsageError(f"the script that stands in for {name} has no first line '#!…'")
    if stand is None and shutil.which(name) is None:
        raise UsageError(f"this machine has no {name}")


_SHIM = """#!{python} -IS
import json, os, socket, sys
call = {{"name": {name!r}, "arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ),
        "input": sys.stdin.read()}}
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    door.sendall(json.dumps(call).encode())
    door.shutdown(socket.SHUT_WR)
    told = b""
    while part := door.recv(65536):
        told += part
answer = json.loads(told)
sys.stdout.write(answer["output"])
sys.stderr.write(answer["errors"])
sys.exit(answer["code"])
"""


@cache
def _plain() -> tuple[tuple[str, str], ...]:
    """The plain commands of this machine and where they are."""
    found = ((name, shutil.which(name)) for name in PLAIN)
    return tuple((name, path) for name, path in found if path is not None)


def place(stands: Mapping[str, Stand], folder: Path, door: Path) -> str:
    """Make the folders of a build's PATH below ``folder``; answers the PATH."""
    declared, plain = folder / "tools", folder / "bin"
    declared.mkdir(parents=True)
    plain.mkdir()
    for name, stand in stands.items():
        _stand(declared / name, name, stand, door)
    for name, found in _plain():
        (plain / name).symlink_to(found)
    for name in ("python", "python3"):
        _script(plain / name, f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    return f"{declared}:{plain}"


def _stand(path: Path, name: str, stand: Stand, door: Path) -> None:
    if stand is None:
        found = shutil.which(name)
        assert found is not None  # it was checked when it was declared
        path.symlink_to(found)
    elif isinstance(stand, Path):
        path.symlink_to(stand.resolve())
    elif isinstance(stand, str):
        _script(path, stand)
    else:
        _script(path, _SHIM.format(python=sys.executable, name=name, door=str(door)))


def _script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
