"""What the distribution must provide: named in ``tests/infra/packages.txt``, installed by one command."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from stackproof.errors import UsageError
from stackproof.hosts.model import Inventory
from stackproof.hosts.providers import needed, provider_of

FILE = "tests/infra/packages.txt"


def wanted(root: Path) -> tuple[str, ...]:
    """The packages that a project lists, one a line; ``#`` starts a comment. Raises ``UsageError``."""
    file = root / FILE
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"{FILE} cannot be read: {error.strerror}") from error
    names = (line.partition("#")[0].strip() for line in lines)
    return tuple(dict.fromkeys(name for name in names if name))


def lacking(names: tuple[str, ...]) -> list[str]:
    """Those that are not installed."""
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    there = {line.split()[0] for line in asked.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in there]


def installed(root: Path, say: Callable[[str], None]) -> int:
    """Install what is missing; returns apt-get's exit code. Raises ``UsageError`` where there is none."""
    names = wanted(root)
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        hint = f"the packages of {FILE} are Debian's; install what they hold by your own means"
        raise UsageError("this machine has no apt-get", hint=hint)
    absent = lacking(names)
    if not absent:
        say(f"all {len(names)} packages of {FILE} are installed")
        return 0
    if os.geteuid() != 0:
        raise UsageError(f"only root can install {' '.join(absent)}", hint="run it by sudo")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *absent],
    )
    for step in steps:
        code = subprocess.run(step, env=environment, check=False).returncode
        if code:
            return code
    say(f"installed: {' '.join(absent)}")
    return 0


def missing_needs(inventory: Inventory) -> list[str]:
    """For each host that cannot be made here, what is missing."""
    found = ((one.name, needed(provider_of(one), one)) for one in inventory.hosts)
    return [f"{name}: {what}" for name, what in found if what]
