"""A virtual environment of its own for each server: servers pin what they need and we must not."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stackproof.backends.servers import locks
from stackproof.errors import BackendError

_PATIENCE = 1800
"""Seconds that a package installer may take."""


def cache_folder() -> Path:
    """Where environments are kept and servers run: below ``STACKPROOF_CACHE`` or the user's cache."""
    named = os.environ.get("STACKPROOF_CACHE")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "stackproof" / "servers"


@dataclass(frozen=True)
class Environment:
    """``requirement`` (several with spaces between) under the shipped ``constraints/NAME.txt``.

    One for each version of Python.
    """

    name: str
    requirement: str

    @property
    def constraints(self) -> Path:
        """The pins of everything that the server needs."""
        return Path(__file__).with_name("constraints") / f"{self.name}.txt"

    @property
    def folder(self) -> Path:
        """Where it is; other pins or another Python give another folder."""
        version = "{}.{}.{}".format(*sys.version_info[:3])
        text = "\n".join((self.requirement, version, self.constraints.read_text()))
        return (
            cache_folder() / "environments" / f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        )

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def installed(self) -> bool:
        """Whether it is complete."""
        return (self.folder / "complete").is_file()

    def install(self) -> Path:
        """Make it unless it is there; answers its interpreter. Raises ``BackendError``."""
        if self.installed:
            return self.python
        with locks.lock(self.folder.with_suffix(".lock")):
            if not self.installed:
                shutil.rmtree(self.folder, ignore_errors=True)
                try:
                    for command in self._commands():
                        self._run(command)
                except BaseException:
                    shutil.rmtree(self.folder, ignore_errors=True)
                    raise
                (self.folder / "complete").touch()
        return self.python

    def _commands(self) -> list[list[str]]:
        folder, pins, wanted = str(self.folder), str(self.constraints), self.requirement.split()
        uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
        if uv is not None:
            return [
                [uv, "venv", "--quiet", "--python", sys.executable, folder],
                [uv, "pip", "install", "--quiet", "--python", str(self.python), "-c", pins, *wanted],
            ]
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        return [[sys.executable, "-m", "venv", folder], [*pip, "-c", pins, *wanted]]

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise BackendError(f"installing {self.requirement} took more than {_PATIENCE} s") from error
        if done.returncode:
            said = "\n".join((done.stderr or done.stdout).splitlines()[-20:])
            raise BackendError(
                f"{self.requirement} could not be installed:\n{said}",
                hint="the package registry must be reachable; the pins are in " + self.constraints.name,
            )
