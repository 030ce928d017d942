"""A session of inspection: hosts are made when a check first asks for them and unmade at its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from stackproof.errors import BackendError, CapabilityMissing, UsageError
from stackproof.hosts.journal import Journal, Made, sweep
from stackproof.hosts.keeping import sessions_of
from stackproof.hosts.lost import HostUnreachable
from stackproof.hosts.model import HostEntry, Inventory, Running
from stackproof.hosts.programs import search_path
from stackproof.hosts.providers import needed, provider_of
from stackproof.hosts.undo import MARK

if TYPE_CHECKING:
    from testinfra.host import Host


def cache_folder() -> Path:
    """Where everything lies that hosts need and that may stay: below the user's cache folder.

    ``STACKPROOF_HOSTS`` names another place.
    """
    named = os.environ.get("STACKPROOF_HOSTS")
    if named:
        return Path(named).absolute()
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base.absolute() / "stackproof" / "hosts"


class Session:
    """The hosts of one run. ``cache`` may stay after it, ``folder`` is removed at its end.

    Use as a context manager, or ``close``. What a killed session left is unmade by its guard, else here.
    """

    def __init__(self, inventory: Inventory, root: Path, cache: Path | None = None) -> None:
        self.inventory = inventory
        self.root = root
        self.cache = cache or cache_folder()
        sessions = sessions_of(self.cache)
        self.swept = tuple(sweep(sessions))
        self.id = f"{int(time.time()):x}-{uuid.uuid4().hex[:6]}"
        self.folder = sessions / self.id
        self.journal = Journal(self.folder)
        self._count = 0
        self.shared: dict[str, Any] = {}
        """What several hosts have in common (a network of namespaces), by a name of who makes it."""
        self._running: dict[str, Running] = {}
        self._failed: dict[str, Exception] = {}
        self.reached: dict[str, tuple[Running, Host]] = {}
        """The testinfra host of each running one."""
        self.mistaken: dict[str, str] = {}
        """What the inventory says of a host and is not so: the checks go on, the run fails."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def host(self, name: str) -> Running:
        """The host of that name, made now if it is not yet there.

        Raises ``CapabilityMissing`` when this machine lacks what its provider needs, ``BackendError`` when it
        does not come up or answer (each later call says the same again), ``UsageError`` for an unknown name.
        """
        from stackproof.hosts.reach import first_asked

        if name in self._failed:
            raise self._failed[name]
        if name not in self._running:
            try:
                self._running[name] = first_asked(self._start(self._entry(name)), self)
            except (CapabilityMissing, BackendError) as error:
                self._failed[name] = error
                raise
        return self._running[name]

    def failed(self, name: str) -> Exception | None:
        """Why a host was not made, or cannot be reached any more; None as long as it can."""
        return self._failed.get(name)

    def lose(self, name: str, error: BackendError) -> None:
        """Remember that a host cannot be reached any more: whoever asks for it gets this error."""
        if self._running.pop(name, None) is not None:
            self._failed[name] = error

    def count(self) -> int:
        """A number that this session gives once."""
        self._count += 1
        return self._count

    def forget(self, name: str) -> None:
        """Make the host anew when it is next asked for (a fault was injected into it)."""
        self._running.pop(name, None)
        self._failed.pop(name, None)

    def refuse(self, name: str, error: Exception) -> None:
        """Let nobody have the host: each call of ``host`` raises the error."""
        self._failed[name] = error

    def made(self, kind: str, name: str, **detail: Any) -> Made:
        """Write down a thing that is about to be made; see ``undo.UNDO`` for the kinds."""
        return self.journal.made(kind, name, **detail)

    def scratch(self, name: str) -> Path:
        """A new empty folder of this session."""
        path = self.folder / f"{name}-{uuid.uuid4().hex[:6]}"
        path.mkdir(parents=True)
        return path

    def run(
        self,
        command: Sequence[str],
        *,
        timeout: float = 120.0,
        text: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a command of this machine; returns what it printed. ``BackendError`` has its words."""
        try:
            done = subprocess.run(
                list(command),
                input=text,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
                env={**self._environment(), **(environment or {})},
            )
        except FileNotFoundError as error:
            raise CapabilityMissing(f"{command[0]} is not on this machine") from error
        except subprocess.TimeoutExpired as error:
            raise BackendError(f"'{' '.join(command)}' did not end within {timeout:g} s") from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-2000:] or "it said nothing"
            raise BackendError(f"'{' '.join(command)}' ended with {done.returncode}: {said}")
        return done.stdout

    def start(self, command: Sequence[str], *, log: Path | None = None, grace: float = 3.0) -> Any:
        """Start a process that lives until the session ends, in its own group; its output is in ``log``."""
        target = (log or self.folder / "processes.log").open("ab")
        with target:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                start_new_session=True,
                env=self._environment(),
            )
        self.journal.process(process, grace=grace)
        return process

    def close(self) -> None:
        """Unmake all hosts and everything else of this session."""
        self._running.clear()
        self.reached.clear()
        self.shared.clear()
        self.journal.close()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": search_path(), MARK: self.id}

    def _entry(self, name: str) -> HostEntry:
        for one in self.inventory.hosts:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.inventory.hosts) or "none"
        raise UsageError(f"{self.inventory.file} has no host '{name}'; there are: {known}")

    def _start(self, entry: HostEntry) -> Running:
        provider = provider_of(entry)
        lacking = needed(provider, entry)
        if lacking and entry.provider == "existing":
            raise HostUnreachable(entry.name, lacking, "this machine")
        if lacking:
            raise CapabilityMissing(f"{entry.name} cannot be made here: {lacking}")
        return provider.start(entry, self)


def end_on_signals(*, once: bool = False) -> None:
    """Let SIGTERM and SIGHUP end a run as Ctrl-C does, so that its hosts are unmade by itself.

    With ``once`` the first signal (SIGINT too) is the only one: a run that whoever started it ends, too, gets
    the terminal's Ctrl-C and that one's signal, and the second must not end the cleaning up.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        if once:
            for other in numbers:
                signal.signal(other, _nothing)
        raise KeyboardInterrupt(signal.Signals(number).name)

    numbers = (signal.SIGTERM, signal.SIGHUP, *((signal.SIGINT,) if once else ()))
    for number in numbers:
        signal.signal(number, interrupt)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Unlike SIG_IGN this is not inherited by the programs that clean up."""
