"""A program of its own: decides which addresses held threads and their children may reach.

A process beside the tests, since a thread of theirs could not answer while C code that waits for the answer
keeps the interpreter's lock. It imports nothing of the package: it must be there in milliseconds.

Arguments: the descriptors of the filter's listener, of a sequenced-packet socket to the tests and of a
listening socket, and the numbers of connect, sendto, sendmsg and sendmmsg. Messages are JSON:

* from the tests: ``{"closed": bool}`` (only loopback from now on, or everything), ``{"sync": n}``,
  ``{"bytes": hex}`` (answers ``read``);
* to the tests: ``{"refused": "host:port", "who": "command"}``, ``{"synced": n}``,
  ``{"read": [process, address, length]}``: memory that only they may read (Yama).

The listening socket is a proxy that names what is wanted and resets the connection: children have it in their
variables, so that a refusal tells the host's name and not the address of a name server.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys

_RECEIVE, _SEND, _VALID = 0xC0502100, 0xC0182101, 0x40082102
_CONTINUE = 1
_HARMLESS = (socket.AF_UNIX, 16, 38)
"""Unix sockets, netlink and the kernel's cryptography do not leave the machine."""
_MOST = 64
"""Messages of a ``sendmmsg`` that are looked at; more are refused."""
_PATIENCE = 5.0


def where(raw: bytes, sending: bool) -> str | None:
    """Where a socket address leads: None when it stays on this machine, else "host:port"."""
    if len(raw) < 2:
        return None
    (family,) = struct.unpack_from("=H", raw)
    if family == socket.AF_UNSPEC and not sending:
        return None  # an association is dissolved
    if family in (socket.AF_INET, socket.AF_UNSPEC) and len(raw) >= 8:
        (port,) = struct.unpack_from("!H", raw, 2)
        host = socket.inet_ntop(socket.AF_INET, raw[4:8])
        return None if raw[4] == 127 or host == "0.0.0.0" else f"{host}:{port}"
    if family == socket.AF_INET6 and len(raw) >= 24:
        (port,) = struct.unpack_from("!H", raw, 2)
        far = raw[8:24]
        if far[:12] == bytes(10) + b"\xff\xff":  # IPv4, mapped
            return where(struct.pack("=H", socket.AF_INET) + raw[2:4] + far[12:], sending)
        near = far in (bytes(16), bytes(15) + b"\1")
        return None if near else f"[{socket.inet_ntop(socket.AF_INET6, far)}]:{port}"
    return None if family in _HARMLESS else f"address family {family}"


class Supervisor:
    """Answers the filter's questions, one after the other."""

    def __init__(self, listener: int, tests: socket.socket, proxy: socket.socket, numbers: list[int]) -> None:
        self.listener, self.tests, self.proxy = listener, tests, proxy
        self.connect, self.sendto, self.sendmsg, self.sendmmsg = numbers
        self.closed = True
        self.guests: dict[socket.socket, bytes] = {}

    def say(self, **message: object) -> None:
        self.tests.send(json.dumps(message).encode())

    def hear(self) -> str | None:
        """One message of the tests; the content of ``bytes``, else None. Ends when they have ended."""
        heard = self.tests.recv(1 << 16)
        if not heard:
            sys.exit()
        message = json.loads(heard)
        self.closed = message.get("closed", self.closed)
        if "sync" in message:
            self.say(synced=message["sync"])
        told: str | None = message.get("bytes")
        return told

    def memory(self, pid: int, address: int, length: int) -> bytes:
        """Raises ``OSError`` when nobody may read it."""
        try:
            found = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
            try:
                return os.pread(found, length, address)
            finally:
                os.close(found)
        except PermissionError:
            self.say(read=[pid, address, length])
            while True:
                if not select.select([self.tests], [], [], _PATIENCE)[0]:
                    raise
                answer = self.hear()
                if answer is not None:
                    if answer:
                        return bytes.fromhex(answer)
                    raise

    def _message(self, pid: int, raw: bytes) -> bytes:
        name, length = struct.unpack_from("=QI", raw)
        return self.memory(pid, name, min(length, 128)) if name else b""

    def addresses(self, pid: int, number: int, args: tuple[int, ...]) -> list[bytes]:
        """The raw addresses that a call names."""
        if number == self.connect:
            return [self.memory(pid, args[1], min(args[2], 128))]
        if number == self.sendto:
            return [self.memory(pid, args[4], min(args[5], 128))]
        if number == self.sendmsg:
            return [self._message(pid, self.memory(pid, args[1], 56))]
        count = args[2] & 0xFFFFFFFF
        if count > _MOST:
            return [struct.pack("=HH", 0xFFFF, 0)]
        raw = self.memory(pid, args[1], 64 * count)
        return [self._message(pid, raw[64 * one :]) for one in range(count)]

    def wanted(self, pid: int, number: int, args: tuple[int, ...]) -> str | None:
        """The first place beyond this machine that a call would reach, or None."""
        try:
            found = self.addresses(pid, number, args)
        except OSError as error:
            return f"an address that cannot be read ({error.strerror})"
        places = (where(raw, number != self.connect) for raw in found)
        return next((place for place in places if place is not None), None)

    def question(self) -> None:
        asked = bytearray(80)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, asked)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return  # who asked was killed or interrupted
            raise
        key, pid, _, number = struct.unpack_from("=QIIi", asked)
        args = struct.unpack_from("=6Q", asked, 32)
        while select.select([self.tests], [], [], 0)[0]:
            self.hear()  # what the tests said before the call was made counts for it
        place = self.wanted(pid, number, args) if self.closed else None
        try:
            fcntl.ioctl(self.listener, _VALID, struct.pack("=Q", key))
            if place is not None:
                told = f"the name server {place}" if place.endswith(":53") else place
                self.say(refused=told, who=_command(pid))
            verdict = (0, 0, _CONTINUE) if place is None else (0, -errno.ECONNREFUSED, 0)
            fcntl.ioctl(self.listener, _SEND, struct.pack("=QqiI", key, *verdict))
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINPROGRESS):
                raise

    def visit(self, guest: socket.socket) -> None:
        """What a child asked the proxy for is told by name, once its first line is there."""
        try:
            said = self.guests[guest] + guest.recv(4096)
        except OSError:
            said = b"\n"
        more = len(said) > len(self.guests[guest]) and b"\n" not in said and len(said) < 4096
        self.guests[guest] = said
        if more:
            return
        words = said.decode("latin-1").split("\n")[0].split()
        if len(words) == 3:
            self.say(refused=words[1], who="a child process")
        guest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        guest.close()
        del self.guests[guest]

    def run(self) -> None:
        while True:
            waiting = select.poll()
            for one in (
                self.tests.fileno(),
                self.listener,
                self.proxy.fileno(),
                *(g.fileno() for g in self.guests),
            ):
                waiting.register(one, select.POLLIN)
            ready = {one for one, _ in waiting.poll()}
            if self.tests.fileno() in ready:
                self.hear()
            if self.listener in ready:
                self.question()
            for guest in [one for one in self.guests if one.fileno() in ready]:
                self.visit(guest)
            if self.proxy.fileno() in ready:
                guest, _ = self.proxy.accept()
                self.guests[guest] = b""


def _command(pid: int) -> str:
    """What runs there: the words of its command line, or that it is a thread of the tests themselves."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as status:
            group = next(line.split()[1] for line in status if line.startswith("Tgid:"))
        if int(group) == os.getppid():
            return "a library in C"
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(200).decode(errors="replace").split("\0")
        return f"the child process '{' '.join(words).strip()}'"
    except OSError:
        return "a child process"


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given = [int(one) for one in sys.argv[1:]]
    Supervisor(given[0], socket.socket(fileno=given[1]), socket.socket(fileno=given[2]), given[3:7]).run()
