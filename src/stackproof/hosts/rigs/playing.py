"""A recorded drive on a rig: the agent is put there, sends over CAN or UDP, and notes what arrives."""

from __future__ import annotations

import base64
import json
import shlex
from typing import TYPE_CHECKING, Final

from stackproof.errors import BackendError
from stackproof.hosts.recordings.model import Drive
from stackproof.hosts.recordings.replay import agent_source, fitting, matched, pack
from stackproof.hosts.recordings.timing import Replayed

if TYPE_CHECKING:
    from testinfra.backend.base import CommandResult
    from testinfra.host import Host

_FOLDER: Final = "/run/stackproof-replay"
_PART: Final = 60_000
_SETTLE: Final = 10


def told(host: Host, command: str, *arguments: str) -> CommandResult:
    """Run a command on a rig. Raises ``BackendError`` when it cannot be reached (ssh ends with 255)."""
    try:
        return host.run(command, *arguments)
    except RuntimeError as error:
        raise BackendError(f"{host.backend.get_pytest_id()} cannot be reached") from error


def put(host: Host, path: str, content: bytes) -> None:
    """Write a file on a host through its shell. Raises ``BackendError``."""
    text = base64.b64encode(content).decode()
    told(host, "mkdir -p %s && : > %s", _FOLDER, path)
    for start in range(0, len(text), _PART):
        done = told(host, "printf %%s %s | base64 -d >> %s", text[start : start + _PART], path)
        if done.rc != 0:
            raise BackendError(
                f"{path} cannot be written on {host.backend.get_pytest_id()}: {done.stderr.strip()}"
            )


def play(host: Host, drive: Drive, target: str, listener: str = "") -> Replayed:
    """Replay a drive on a rig to ``can:INTERFACE`` or ``udp:HOST:PORT``; times are those of arrival.

    ``listener`` is where it arrives, ``NAMESPACE/TARGET`` or a target of the rig itself; by default the
    target, for a CAN interface hears what it sent. Raises ``BackendError`` when the rig does not do it.
    """
    kept = fitting(drive, target)
    put(host, f"{_FOLDER}/agent.py", agent_source().encode())
    put(host, f"{_FOLDER}/drive.bin", pack(kept))
    namespace, _, ear = listener.rpartition("/") if listener else ("", "", target)
    within = f"ip netns exec {shlex.quote(namespace)} " if namespace else ""
    agent = f"python3 {_FOLDER}/agent.py"
    seconds = kept.duration // 10**9 + _SETTLE
    script = f"""
cd {_FOLDER}; rm -f taken ready; mkfifo ready
{within}{agent} take {shlex.quote(ear)} {len(kept.frames)} {seconds} > taken 2> ready &
read word < ready
{agent} send {shlex.quote(target)} drive.bin > sent || {{ kill $!; exit 1; }}
wait $! && cat taken
"""
    done = told(host, "sh -c %s", script)
    try:
        taken = json.loads(done.stdout)["taken"]
    except (ValueError, KeyError) as error:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise BackendError(f"the rig did not replay to {target}: {said[0]}") from error
    return matched(kept, [(int(at), bytes.fromhex(data)) for at, data in taken])
