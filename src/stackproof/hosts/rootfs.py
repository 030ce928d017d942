"""Root file systems, made by mmdebstrap and kept by their recipe.

The same recipe is made once on a machine; a changed recipe is another one. What lies in the cache is read
only by agreement: hosts get an overlay or a copy.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stackproof.hosts.keeping import replacing, writable
from stackproof.hosts.locks import building, locked
from stackproof.hosts.model import Need
from stackproof.hosts.programs import program

if TYPE_CHECKING:
    from stackproof.hosts.session import Session

_FAILED = "stackproof: failed is command"
_FORMAT = 1
_TIME_LIMIT = 900.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a root file system is made of: a release of Debian, its packages beyond the essential ones.

    ``commands`` run inside it at the end (by a shell, as root); they belong to the recipe.
    """

    release: str = "bookworm"
    packages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Names the recipe in the cache."""
        text = json.dumps({"format": _FORMAT, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def needs() -> Sequence[Need]:
    """What making a root file system asks of the machine."""
    return (
        Need("mmdebstrap", bool(program("mmdebstrap")), "mmdebstrap", "makes root file systems"),
        Need("root", os.geteuid() == 0, "", "files of a root file system belong to several users"),
    )


def build(recipe: Recipe, session: Session) -> Path:
    """The folder of the root file system, made now if it is not kept yet. Raises ``BackendError``."""
    folder = session.cache / "rootfs" / recipe.digest
    with writable(session.cache), locked(folder.parent / f"{recipe.digest}.lock"):
        if (folder / "recipe.json").is_file():
            return folder / "root"
        with replacing(folder, session) as partial:
            with building(session.cache):
                _bootstrap(recipe, partial / "root", session)
            (partial / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2), encoding="utf-8")
    return folder / "root"


def _bootstrap(recipe: Recipe, root: Path, session: Session) -> None:
    hooks = [f"--customize-hook={_hook(*one)}" for one in enumerate(recipe.commands, 1)]
    command = ["nice", "mmdebstrap", "--mode=root", "--variant=minbase", "--quiet"]
    included = [f"--include={','.join(recipe.packages)}"] if recipe.packages else []
    command += ["--dpkgopt=path-exclude=/usr/share/doc/*", *included, *hooks]
    session.run([*command, recipe.release, str(root)], timeout=_TIME_LIMIT)


def _hook(number: int, command: str) -> str:
    """Runs a command inside, and names it by its number when it fails: see ``failed_command``."""
    return f'chroot "$1" sh -euc {shlex.quote(command)} || {{ echo "{_FAILED} {number}" >&2; exit 1; }}'


def failed_command(said: str) -> tuple[int, str] | None:
    """Which of a recipe's commands failed, from 1, and what was said up to then, by what a build said.

    None when it was none of them.
    """
    found = re.search(rf"^{_FAILED} (\d+)$", said, re.MULTILINE)
    return (int(found[1]), said[: found.start()].strip()) if found else None
