"""Probes that tell open, refused, filtered and error apart, asked of any testinfra host.

A probe is a small Python program that runs where the question is asked (a host, or a network namespace of
this machine) and answers with one line of JSON; what it is given travels as data, never as shell text. "Not
reachable" is only believed beside a positive control: see ``assert_unreachable``.

Facts: TCP (RFC 9293): a closed port answers a SYN with RST (refused), a packet filter that drops says nothing
(filtered); ICMP unreachable messages (RFC 792) of type 3: code 3 port (UDP: refused), 9, 10, 13
administratively prohibited (filtered). A UDP service may stay silent: silence is *filtered* there and may be
an open port that does not answer such a question.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stackproof.errors import UsageError

if TYPE_CHECKING:
    from testinfra.host import Host

_DATAGRAM = 65_507
_LONGEST = 100
"""Seconds: a probe from a namespace is given up after 120."""


class Answer(StrEnum):
    """What a probe saw."""

    OPEN = "open"
    REFUSED = "refused"
    FILTERED = "filtered"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Probe:
    """One question and what came of it. ``facts`` are the protocol's own (status, addresses, dates …)."""

    kind: str
    target: str
    answer: Answer
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether something answered as asked."""
        return self.answer is Answer.OPEN

    def __str__(self) -> str:
        return f"{self.kind} {self.target}: {self.answer}" + (f" ({self.reason})" if self.reason else "")


class Asker(Protocol):
    """Where a probe is asked from: runs a shell command, returns its output. Raises ``UsageError``."""

    @property
    def place(self) -> str:
        """How the place is called in messages."""
        ...

    def ask(self, command: str) -> str:
        """What the command printed."""
        ...


@dataclass(frozen=True, slots=True)
class FromHost:
    """Asks from a testinfra host, which must have Python 3."""

    host: Host

    @property
    def place(self) -> str:
        """The host's testinfra name."""
        return str(self.host.backend.get_pytest_id())

    def ask(self, command: str) -> str:
        """By the host's shell."""
        done = self.host.run(command)
        if done.rc != 0:
            raise UsageError(f"{self.place} cannot probe: {(done.stderr or done.stdout).strip()[-300:]}")
        return str(done.stdout)


@dataclass(frozen=True, slots=True)
class FromNamespace:
    """Asks from a network namespace of this machine; needs root."""

    name: str

    @property
    def place(self) -> str:
        """The namespace's name."""
        return f"namespace {self.name}"

    def ask(self, command: str) -> str:
        """By a shell that has entered the namespace."""
        enter = ["ip", "netns", "exec", self.name, "/bin/sh", "-c", command]
        # This interpreter's own folder first: a version manager's shim costs more than the probe.
        path = f"{Path(sys.executable).resolve().parent}:{os.environ.get('PATH', '')}"
        done = subprocess.run(
            enter,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "PATH": path},
        )
        if done.returncode != 0:
            raise UsageError(f"{self.place} cannot probe: {done.stderr.strip()[-300:]}")
        return done.stdout


def tcp(asker: Asker, address: str, port: int, *, timeout: float = 2.0, banner: float = 0.2) -> Probe:
    """A TCP connection; ``facts["banner"]`` is what the server says first within ``banner`` s."""
    given = {"address": address, "port": _port(port), "banner": banner and _seconds("banner", banner)}
    return _probe(asker, "tcp", f"{address}:{port}", given, timeout)


def udp(asker: Asker, address: str, port: int, *, payload: bytes = b"\0", timeout: float = 2.0) -> Probe:
    """A datagram of at most 65,507 bytes (RFC 768 in IPv4); open when any datagram comes back."""
    if len(payload) > _DATAGRAM:
        raise UsageError(f"{len(payload)} bytes are no datagram", hint=f"at most {_DATAGRAM} are one")
    given = {"address": address, "port": _port(port), "payload": base64.b64encode(payload).decode()}
    return _probe(asker, "udp", f"{address}:{port}", given, timeout)


def icmp(asker: Asker, address: str, *, timeout: float = 2.0) -> Probe:
    """An echo request; ``facts["rtt_ms"]`` when it is answered."""
    return _probe(asker, "icmp", address, {"address": address}, timeout)


def dns(
    asker: Asker, name: str, *, server: str, kind: str = "A", port: int = 53, timeout: float = 2.0
) -> Probe:
    """A question to one server; ``facts``: ``rcode``, ``records``, ``ttl``. NXDOMAIN is an answer (open)."""
    given = {"name": name, "address": server, "record": kind, "port": _port(port)}
    return _probe(asker, "dns", f"{name} {kind} at {server}", given, timeout)


def tls(asker: Asker, address: str, port: int = 443, *, name: str = "", timeout: float = 3.0) -> Probe:
    """A handshake; ``facts``: ``protocol``, ``trusted``, ``not_before``, ``not_after`` (ISO 8601, UTC)."""
    given = {"address": address, "port": _port(port), "name": name}
    return _probe(asker, "tls", f"{name or address}:{port}", given, timeout)


def http(asker: Asker, url: str, *, method: str = "GET", timeout: float = 5.0) -> Probe:
    """A request; redirects are not followed. ``facts``: ``status``, ``headers``, ``body``."""
    return _probe(asker, "http", url, {"url": url, "method": method}, timeout)


def days_left(probe: Probe, now: datetime | None = None) -> float:
    """How many days the certificate of a TLS probe is still valid; negative when it has expired.

    Raises ``UsageError`` for a probe that saw no certificate.
    """
    if "not_after" not in probe.facts:
        raise UsageError(f"no certificate was seen: {probe}")
    until = datetime.fromisoformat(str(probe.facts["not_after"]))
    return (until - (now or datetime.now(UTC))).total_seconds() / 86400


def assert_reachable(probe: Probe) -> None:
    """Fails with what was seen unless the probe is open."""
    if not probe.is_open:
        raise AssertionError(f"expected open, saw {probe}")


def assert_unreachable(
    probe: Probe, control: Probe | None, *, how: tuple[Answer, ...] = (Answer.FILTERED, Answer.REFUSED)
) -> None:
    """Fails unless the probe shows one of ``how`` while ``control`` shows the target open from elsewhere.

    Raises ``UsageError`` when there is no control, when it asked something else, or when it is not open
    itself: then nothing is known, the service may simply be down. *error* and *open* are never "not
    reachable", so ``how`` may not name them.
    """
    if not how or not set(how) <= {Answer.FILTERED, Answer.REFUSED}:
        raise UsageError(f"how={[str(one) for one in how]}", hint="not reachable is filtered or refused")
    if control is None:
        raise UsageError(f"'{probe.target} is not reachable' needs a positive control from an allowed source")
    if (control.kind, control.target) != (probe.kind, probe.target):
        raise UsageError(
            f"the control asked {control.kind} {control.target}, not {probe.kind} {probe.target}"
        )
    if not control.is_open:
        raise UsageError(f"the positive control failed, so nothing is known of {probe.target}: {control}")
    if probe.answer not in how:
        expected = " or ".join(how)
        raise AssertionError(f"expected {expected}, saw {probe}")


def many(asker: Asker, questions: Sequence[tuple[str, str, int]], *, timeout: float = 1.0) -> list[Probe]:
    """Several questions at once, from one place: ``(kind, address, port)``, kind tcp, udp or icmp (port 0).

    The answers are in the order of the questions; all are waited for at the same time.
    """
    _seconds("timeout", timeout)
    given: list[Mapping[str, Any]] = []
    targets: list[str] = []
    for kind, address, port in questions:
        own: dict[str, Any] = {"kind": kind, "timeout": timeout, "address": address}
        if kind != "icmp":
            own |= {"port": _port(port), "payload": base64.b64encode(b"\0").decode()}
        given.append(own)
        targets.append(address if kind == "icmp" else f"{address}:{port}")
    answers = _asked(asker, given, f"{len(given)} probes") if given else []
    return [
        Probe(
            str(own["kind"]), target, Answer(one["answer"]), str(one.get("reason", "")), one.get("facts", {})
        )
        for own, target, one in zip(given, targets, answers, strict=True)
    ]


def _port(number: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 65535:
        raise UsageError(f"{number!r} is no port", hint="ports are the whole numbers 1 to 65535")
    return number


def _seconds(name: str, number: float) -> float:
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 < number <= _LONGEST:
        raise UsageError(
            f"{name}={number!r}", hint=f"a number of seconds, more than 0 and at most {_LONGEST}"
        )
    return number


def _probe(asker: Asker, kind: str, target: str, given: Mapping[str, Any], timeout: float) -> Probe:
    question = {"kind": kind, "timeout": _seconds("timeout", timeout), **given}
    answer = _asked(asker, question, f"{kind} {target}")
    return Probe(
        kind, target, Answer(answer["answer"]), str(answer.get("reason", "")), answer.get("facts", {})
    )


def _asked(asker: Asker, question: Any, what: str) -> Any:
    program = files("stackproof.hosts").joinpath("probe_program.py").read_text(encoding="utf-8")
    packed = base64.b64encode(json.dumps(question).encode()).decode()
    printed = asker.ask(f"python3 -I -c {shlex.quote(program)} {packed}")
    try:
        return json.loads(printed.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise UsageError(f"{asker.place} gave no answer to {what}: {printed[-200:]!r}") from error
