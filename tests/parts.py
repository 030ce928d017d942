"""The parts of the machine that some tests need besides Python packages.

``python tests/parts.py --report`` names the missing ones with the command that adds each;
with ``STACKPROOF_REQUIRE_PARTS`` set (CI does) a missing part is a failure.
``python tests/parts.py --add`` runs those commands.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOSTS = ROOT / "tests" / "infra" / "packages.txt"


@dataclass(frozen=True)
class Part:
    """One part: what it serves, how it is found, and the command that adds it ("" when none can)."""

    name: str
    serves: str
    found: Callable[[], bool]
    add: str = ""
    otherwise: str = ""


def shared(name: str) -> Path:
    """The folder with data of others, beside the repository or where the environment says."""
    named = os.environ.get(f"STACKPROOF_{name.upper()}")
    return Path(named) if named else ROOT.parent / "shared" / name


def _server(name: str) -> Callable[[], bool]:
    """Whether the virtual environment of an emulator is there."""

    def found() -> bool:
        source = str(ROOT / "src")
        if source not in sys.path:
            sys.path.append(source)
        from stackproof.backends.servers import SERVERS

        return SERVERS[name].environment().installed

    return found


def _distribution() -> bool:
    """Whether all packages of tests/infra/packages.txt are installed."""
    names = [line.partition("#")[0].strip() for line in HOSTS.read_text(encoding="utf-8").splitlines()]
    wanted = {name for name in names if name}
    if shutil.which("dpkg-query") is None:
        return False
    show = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *sorted(wanted)]
    told = subprocess.run(show, capture_output=True, text=True, check=False).stdout.splitlines()
    return wanted <= {line.split()[0] for line in told if line.endswith(" installed")}


def _install(name: str) -> str:
    return f"PYTHONPATH={ROOT / 'src'} {sys.executable} -m stackproof.backends.servers install {name}"


PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part("git", "--changed-since, commits in results", lambda: shutil.which("git") is not None,
             "apt-get install -y git"),
        Part("corpus", "the sweep over foreign templates", lambda: shared("corpus").is_dir(),
             otherwise="put the foreign templates at ../shared/corpus or set STACKPROOF_CORPUS"),
        Part("oracle", "what AWS really answered", lambda: shared("oracle").is_dir(),
             otherwise="put the recordings at ../shared/oracle or set STACKPROOF_ORACLE"),
        Part("hosts", "the suites of tests/infra on images and hosts that are made here", _distribution,
             f"apt-get -qq update && sed 's/#.*//' {HOSTS} | "
             "xargs apt-get -qq install --yes --no-install-recommends"),
        *(Part(name, f"the tests on a live endpoint: {name}", _server(name), _install(name))
          for name in ("localstack", "ministack", "moto-server")),
    )
}  # fmt: skip


def require_parts() -> bool:
    """Whether a missing part is a failure instead of a skip."""
    return bool(os.environ.get("STACKPROOF_REQUIRE_PARTS"))


def missing() -> list[Part]:
    """The parts that this machine lacks."""
    return [part for part in PARTS.values() if not part.found()]


def report() -> int:
    """Print the parts that are missing; 1 when they are required."""
    lacking = missing()
    for part in lacking:
        print(f"missing: {part.name} ({part.serves}); to add it: {part.add or part.otherwise}")
    if not lacking:
        print("every part that the tests can use is here")
    return 1 if lacking and require_parts() else 0


def add() -> int:
    """Run the command of every missing part that has one."""
    codes = [subprocess.run(part.add, shell=True, check=False).returncode for part in missing() if part.add]
    return max(codes, default=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Report or add."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--report", action="store_true")
    group.add_argument("--add", action="store_true")
    chosen = parser.parse_args(arguments)
    return report() if chosen.report else add()


if __name__ == "__main__":
    sys.exit(main())
