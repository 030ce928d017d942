"""No socket beyond loopback while a world is active."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from stackproof.backends.compat import children, holding
from stackproof.errors import UsageError

_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex
_real_sendto = socket.socket.sendto
_real_sendmsg = socket.socket.sendmsg
_real_getaddrinfo = socket.getaddrinfo
_guarding: list[Callable[[str], None]] = []


class ConnectionRefused(UsageError, ConnectionRefusedError):
    """No connection to a host: to a handler a failure of the network, and loud where nobody handles it."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"a connection to {host} was refused",
            hint="code under test talks to loopback only; declare an HTTP double for what it calls",
        )
        self.errno = errno.ECONNREFUSED
        self.host = host


def _refuse(host: Any) -> None:
    if not _guarding or not isinstance(host, (str, bytes)):
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("", "localhost") or name.endswith(".localhost"):
        return
    try:
        loopback = ipaddress.ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        _guarding[-1](name)
        raise ConnectionRefused(name)


def _connect(self: socket.socket, address: Any, /) -> None:
    if isinstance(address, tuple):
        _refuse(address[0])
    _real_connect(self, address)


def _connect_ex(self: socket.socket, address: Any, /) -> int:
    if isinstance(address, tuple):
        _refuse(address[0])
    return _real_connect_ex(self, address)


def _sendto(self: socket.socket, data: Any, *rest: Any) -> int:
    if rest and isinstance(rest[-1], tuple):
        _refuse(rest[-1][0])
    return _real_sendto(self, data, *rest)


def _sendmsg(
    self: socket.socket, buffers: Any, ancillary: Any = (), flags: int = 0, address: Any = None, /
) -> int:
    if isinstance(address, tuple):
        _refuse(address[0])
    return _real_sendmsg(self, buffers, ancillary, flags, address)


def _getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    _refuse(host)
    return _real_getaddrinfo(host, *args, **kwargs)


def guard(notice: Callable[[str], None]) -> Callable[[], None]:
    """Refuse until the answer is called; ``notice`` is told each host that was refused."""
    if socket.socket.connect is not _connect:
        kind: Any = socket.socket
        kind.connect, kind.connect_ex = _connect, _connect_ex
        kind.sendto, kind.sendmsg = _sendto, _sendmsg
        socket.getaddrinfo = _getaddrinfo
        children.hold()
    holding.install()
    _guarding.append(notice)

    def end() -> None:
        if _guarding:
            _guarding.pop()
        if not _guarding:
            children.end()

    return end
