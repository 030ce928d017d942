"""What a run of suites needs of this machine: Python packages, and what the distribution must provide.

A project may list packages of the distribution in ``tests/infra/packages.txt``; what the hosts of its
inventory need is known without.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from stackproof.errors import UsageError
from stackproof.hosts.model import HostEntry, Inventory
from stackproof.hosts.providers import lacking_for, needed, provider_of

FILE = "tests/infra/packages.txt"
_EXTRA = ("pytest", "testinfra")
"""What ``stackproof[inspect]`` brings for every host."""
_AWS = ("boto3",)
"""What it brings for hosts that AWS is asked for."""
_RECORDINGS = ("asammdf", "can", "mcap", "rosbags")
"""What ``stackproof[hil]`` brings to read a drive."""


def wanted(root: Path) -> tuple[str, ...]:
    """The packages that a project lists, one a line; ``#`` starts a comment. Raises ``UsageError``."""
    file = root / FILE
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
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


def installed(root: Path, hosts: Sequence[HostEntry], say: Callable[[str], None]) -> int:
    """Install what the project lists and the hosts need; returns apt-get's exit code.

    Raises ``UsageError`` where there is no apt-get.
    """
    listed = wanted(root)
    own = [one.package for host in hosts for one in lacking_for(provider_of(host), host) if one.package]
    names = tuple(dict.fromkeys([*listed, *own]))
    where = FILE if listed else "the inventory's hosts"
    if not names:
        say("the inventory's hosts need no package of the distribution that is not there")
        return 0
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        hint = f"the packages of {where} are Debian's; install what they hold by your own means"
        raise UsageError("this machine has no apt-get", hint=hint)
    absent = lacking(names)
    if not absent:
        say(f"all {len(names)} packages of {where} are installed")
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


def chosen(inventory: Inventory, suites: Sequence[str]) -> tuple[HostEntry, ...]:
    """The hosts that suites inspect, all for none. Raises ``UsageError`` for a suite that is not promised."""
    for suite in suites:
        if suite not in inventory.promises:
            known = ", ".join(inventory.promises) or "none"
            raise UsageError(f"{inventory.file} promises no suite '{suite}'; there are: {known}")
    return tuple(one for one in inventory.hosts if not suites or set(one.suites) & set(suites))


def missing_needs(hosts: Sequence[HostEntry]) -> list[str]:
    """What is missing in the installation of stackproof, and for each host that cannot be made here."""
    found = [one for one in (missing_extra(hosts), _missing_for_drives(hosts)) if one]
    each = ((one.name, needed(provider_of(one), one)) for one in hosts)
    return [*found, *(f"{name}: {what}" for name, what in each if what)]


def missing_extra(hosts: Sequence[HostEntry]) -> str:
    """What suites on these hosts need of Python and is not installed, with what adds it; "" when all is."""
    aws = _AWS if any(one.url.startswith(("stack://", "aws-ssm://")) for one in hosts) else ()
    return _missing("stackproof[inspect]", (*_EXTRA, *aws), "suites are run")


def _missing_for_drives(hosts: Sequence[HostEntry]) -> str:
    """The same of rigs on which recorded drives are played."""
    if not any("replay" in one.facts for one in hosts):
        return ""
    return _missing("stackproof[hil]", _RECORDINGS, "recorded drives are read")


def _missing(extra: str, modules: Sequence[str], why: str) -> str:
    absent = [one for one in modules if importlib.util.find_spec(one) is None]
    if not absent:
        return ""
    return f"{', '.join(absent)} ({why} with it) is missing; pip install '{extra}' adds it"
