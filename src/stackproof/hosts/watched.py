"""A testinfra backend that tells a broken way to a host from the answer of a command.

What a program returns that leads to a host (ssh, chroot, docker …) may be its own exit code or that of the
command. Where the two look alike the host is asked something that must succeed; only then it is believed.
That costs a process for a suspicious code, none for any other.

Facts: ssh ends with 255 when it fails itself (ssh(1), EXIT STATUS); chroot with 125, 126, 127 (coreutils,
*Exit status*), so do podman exec and a shell that does not find a program; docker exec and kubectl exec end
with 1 for many reasons, as sudo does when it is refused (sudo(8), *Exit value*): behind these three the end
of each command is marked on standard error.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stackproof.errors import BackendError
from stackproof.hosts.lost import HostUnreachable

if TYPE_CHECKING:
    from testinfra.backend.base import BaseBackend, CommandResult

_SSH = 255
_OWN = frozenset({125, 126, 127})
_QUESTION = (
    "ID= VERSION_ID=; [ -r /etc/os-release ] && . /etc/os-release; can=no root=no; "
    'for f in /sys/class/net/*/type; do t=; [ -r "$f" ] && read t < "$f"; [ "$t" = 280 ] && can=yes; done; '
    '{ [ "$(id -u)" = 0 ] || sudo -n true; } >/dev/null 2>&1 && root=yes; '
    'echo "stackproof-$((6 * 7)) $ID-$VERSION_ID $can $root"'
)
"""Answered by any POSIX shell; 280 is ARPHRD_CAN (linux/if_arp.h)."""

_ANSWER = re.compile(r"stackproof-42 (?P<id>\S*?)-(?P<version>\S*) (?P<can>yes|no) (?P<root>yes|no)")

_CHECKS: Mapping[str, str] = {
    "aws-ssm": "the instance's id, region and credentials, and that its agent runs",
    "chroot": "that the folder holds a root file system",
    "docker": "that the container runs ('docker ps')",
    "kubectl": "that the pod runs ('kubectl get pods') and the context",
    "local": "'sudo' in the inventory",
    "netns": "what the checks before did to it",
    "nsenter": "what the checks before did to it, and its console",
    "paramiko": "the url, the login and that the host is up",
    "podman": "that the container runs ('podman ps')",
    "ssh": "the url, the login (user, identity, known_hosts, config) and that the host is up",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What a host answered: ``system`` is ID-VERSION_ID of its os-release, "" when it has none."""

    system: str
    can: bool
    root: bool


class Watched:
    """Stands for the ``run`` of a backend. ``lost`` is told of a host that cannot be reached any more.

    ``folder`` is the session's: what lies in it has another name in each run, so it stays out of messages.
    """

    def __init__(
        self, backend: BaseBackend, name: str, folder: str, lost: Callable[[HostUnreachable], None]
    ) -> None:
        self._backend = backend
        self._run: Callable[[str], CommandResult] = backend.run
        self._name = name
        self._folder = folder
        self._lost = lost
        self._kind = backend.get_connection_type()
        self._marked = backend.sudo or self._kind in {"docker", "podman", "kubectl"}

    def __call__(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run; raises ``HostUnreachable``, ``BackendError`` when only this command's answer was lost."""
        text = self._backend.quote(command, *args)
        try:
            done, certain = self._once(text)
        except Exception as error:
            # Nothing else than the way to the host raises: the command is quoted already.
            self.ask()
            if isinstance(error, BackendError):
                raise
            raise self._broken(text, str(error)) from error
        if certain or not self._suspicious(done):
            return done
        self.ask()
        if done.rc == _SSH and self._kind == "ssh":
            raise self._broken(text, _text(done.stderr_bytes))
        if self._marked and done.rc < 128:
            raise self._broken(text, _text(done.stderr_bytes))
        return done

    def ask(self) -> Known:
        """Ask what must succeed. Raises ``HostUnreachable`` when it does not, and tells that it is lost."""
        try:
            done, _ = self._once(shlex.join(["/bin/sh", "-c", _QUESTION]))
        except Exception as error:
            # Systems Manager's own words, without the question that nobody needs to read.
            hint = f" ({error.hint})" if isinstance(error, BackendError) and error.hint else ""
            raise self._unreachable(f"{error.__cause__ or error}{hint}") from error
        found = _ANSWER.search(_text(done.stdout_bytes)) if done.rc == 0 else None
        if found is None:
            said = self._gone() or _text(done.stderr_bytes) or _text(done.stdout_bytes)
            raise self._unreachable(said or f"asked for a sign of life it ended with {done.rc}")
        system = f"{found['id']}-{found['version']}" if found["id"] else ""
        return Known(system, found["can"] == "yes", found["root"] == "yes")

    def _once(self, text: str) -> tuple[CommandResult, bool]:
        """Run; also whether it is certain that the exit code is the command's."""
        mark = secrets.token_hex(8) if self._marked else ""
        if mark:
            # In two words: whoever prints the command does not print the mark.
            text = f"{shlex.join(['/bin/sh', '-c', text])}; r=$?; echo 'ended-''{mark}' >&2; exit $r"
        try:
            done = self._run(text)
        except RuntimeError as error:
            # testinfra's ssh raises what it got where ssh ends with 255.
            if not (error.args and hasattr(error.args[0], "exit_status")):
                raise
            done = error.args[0]
        return done, bool(mark) and _unmarked(done, f"ended-{mark}\n".encode())

    def _suspicious(self, done: CommandResult) -> bool:
        if done.rc == 0:
            return self._marked
        if self._kind == "ssh":
            return self._marked or done.rc == _SSH
        return self._marked or done.rc < 0 or done.rc in _OWN or bool(self._gone())

    def _gone(self) -> str:
        """What a backend of ours knows without asking."""
        gone: Callable[[], str] | None = getattr(self._backend, "gone", None)
        return gone() if gone else ""

    def _unreachable(self, said: str) -> HostUnreachable:
        error = HostUnreachable(self._name, self._plain(said), _CHECKS.get(self._kind, "its url"))
        self._lost(error)
        return error

    def _broken(self, text: str, said: str) -> BackendError:
        short = text if len(text) <= 60 else f"{text[:57]}..."
        return BackendError(
            f"the connection to {self._name} broke while '{short}' ran: {self._plain(said)}",
            hint="the host answers again; what the command did is not known",
        )

    def _plain(self, said: str) -> str:
        """The last line, which is the reason, without what is new in each run."""
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        last = lines[-1] if lines else "it said nothing"
        short = re.sub(re.escape(self._folder) + r"[^\s'\",:]*", "its folder of this session", last)
        short = re.sub(r"^/bin/sh: \d+: | at 0x[0-9a-f]+", "", short)
        return short[:300].rstrip(".?!")


def _unmarked(done: CommandResult, mark: bytes) -> bool:
    """Take the mark out of standard error; whether it was there."""
    before, found, after = done.stderr_bytes.rpartition(mark)
    if found:
        done._stderr = before + after
    return bool(found)


def _text(said: bytes) -> str:
    """Without asking the host for its encoding, as testinfra would: it may not answer."""
    return said.decode("utf-8", "replace").strip()
