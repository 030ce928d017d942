"""No socket beyond loopback while a world is active."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from stackproof.errors import UsageError

_real_connect = socket.socket.connect
_real_connect_ex = socket.socket.connect_ex
_real_getaddrinfo = socket.getaddrinfo
_guarding: list[bool] = []


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
        raise UsageError(
            f"a connection to {name} was refused",
            hint="code under test talks to loopback only; declare an HTTP double for what it calls",
        )


def _connect(self: socket.socket, address: Any, /) -> None:
    if isinstance(address, tuple):
        _refuse(address[0])
    _real_connect(self, address)


def _connect_ex(self: socket.socket, address: Any, /) -> int:
    if isinstance(address, tuple):
        _refuse(address[0])
    return _real_connect_ex(self, address)


def _getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    _refuse(host)
    return _real_getaddrinfo(host, *args, **kwargs)


def guard() -> Callable[[], None]:
    """Refuse until the answer is called."""
    if socket.socket.connect is not _connect:
        kind: Any = socket.socket
        kind.connect, kind.connect_ex = _connect, _connect_ex
        socket.getaddrinfo = _getaddrinfo
    _guarding.append(True)

    def end() -> None:
        if _guarding:
            _guarding.pop()

    return end
