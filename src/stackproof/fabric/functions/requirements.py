"""The packages that a function's ``requirements.txt`` asks for: those of this Python where they satisfy
it, otherwise installed once for each content into the cache."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stackproof.errors import UsageError
from stackproof.fabric.tasks import outside

_VERSIONS = re.compile(r"\(from versions: (?:[^()]*, )([^(),]+, [^(),]+)\)")


class Requirements:
    """Targets below ``cache``; ``constraints`` (or ``STACKPROOF_CONSTRAINTS``) is handed to the installer."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self.constraints: Path | None = None
        self._known: dict[tuple[str, int], tuple[Path, ...]] = {}

    def target(self, folder: Path) -> tuple[Path, ...]:
        """The folder with what ``folder``'s requirements need beyond this Python's packages; () for nothing.

        Raises UsageError when they cannot be installed.
        """
        file = folder / "requirements.txt"
        try:
            key = (str(file), file.stat().st_mtime_ns)
        except OSError:
            return ()
        if key not in self._known:
            self._known[key] = self._find(file)
        return self._known[key]

    def _find(self, file: Path) -> tuple[Path, ...]:
        wanted = list(read(file))
        if all(satisfied(line) for line in wanted):
            return ()
        named = os.environ.get("STACKPROOF_CONSTRAINTS")
        constraints = self.constraints or (Path(named) if named else None)
        digest = hashlib.sha256("\n".join([sys.version[:4], *wanted]).encode())
        if constraints is not None:
            digest.update(constraints.read_bytes())
        target = self._cache / "requirements" / digest.hexdigest()[:32]
        if not target.is_dir():
            self._install(file, constraints, target)
        return (target,)

    @staticmethod
    def _install(file: Path, constraints: Path | None, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent))
        command = [*_installer(), "--target", str(work), "-r", str(file)]
        if constraints is not None:
            command += ["-c", str(constraints)]
        done = outside(
            lambda: subprocess.run(command, capture_output=True, text=True, check=False, cwd=file.parent)
        )
        if done.returncode:
            shutil.rmtree(work, ignore_errors=True)
            raise UsageError(
                f"the packages that {file} asks for cannot be installed: {_said(done.stderr or done.stdout)}",
                hint="install them into this Python, or correct the file",
            )
        try:
            os.replace(work, target)
        except OSError:
            shutil.rmtree(work, ignore_errors=True)
            if not target.is_dir():
                raise


def _said(output: str) -> str:
    """The lines of an installer that say what failed, without every version that there ever was."""
    lines = [line.strip() for line in output.strip().splitlines() if line.strip()]
    failed = [line for line in lines if line.lower().startswith("error")] or lines[-3:]
    return " ".join(_VERSIONS.sub(r"(from versions: … \1)", line) for line in failed)


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    return [uv, "pip", "install", "--quiet", "--python", sys.executable]


def read(file: Path, seen: frozenset[Path] = frozenset()) -> Iterator[str]:
    """The requirement lines of a file and of those it includes with ``-r``."""
    if file in seen:
        return
    for raw in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        line = raw.split(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        option, _, rest = line.partition(" ")
        if option in ("-r", "--requirement"):
            yield from read((file.parent / rest.strip()).resolve(), seen | {file})
        elif option in ("-c", "--constraint") or not line.startswith("-"):
            yield line
        else:
            yield line


def satisfied(line: str) -> bool:
    """Whether this Python has what a requirement line asks for."""
    from packaging.requirements import InvalidRequirement, Requirement

    if line.startswith("-"):
        return line.split()[0] in ("-c", "--constraint", "-i", "--index-url", "--extra-index-url")
    try:
        wanted = Requirement(line.split(" --hash")[0])
    except InvalidRequirement:
        return False
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return wanted.url is None and wanted.specifier.contains(version, prereleases=True)
