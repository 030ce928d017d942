"""HTTP requests of tasks never reach a socket: ``http.client`` and urllib3 are answered by the world.

A connection gets a socket that only collects what is written, and hands out the answer when the
response is read. Everything that is built on these two (urllib, requests) follows.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import time
from collections.abc import Callable
from typing import Any

from stackproof.backends.compat import tmp
from stackproof.fabric.http import Failure, Http, Request, Response, undeclared
from stackproof.fabric.tasks import current

_active: list[Http] = []
_originals: dict[type, Callable[[Any], None]] = {}


def activate(web: Http) -> Callable[[], None]:
    """Let a world answer; the latest one counts. The result ends it."""
    from stackproof.backends.compat import webclients

    _install()
    webclients.install()
    _active.append(web)

    def end() -> None:
        if web in _active:
            _active.remove(web)

    return end


def _install() -> None:
    if _originals:
        return
    import urllib3.connection

    for kind, scheme in (
        (http.client.HTTPConnection, "http"),
        (http.client.HTTPSConnection, "https"),
        (urllib3.connection.HTTPConnection, "http"),
        (urllib3.connection.HTTPSConnection, "https"),
    ):
        _originals[kind] = kind.connect
        setattr(kind, "connect", _connect(kind, scheme))  # noqa: B010 - assigning to a method


def _connect(kind: type, scheme: str) -> Callable[[Any], None]:
    original: Callable[[Any], None] = _originals[kind]

    def connect(self: Any) -> None:
        if not covers(scheme, self.host, self.port):
            original(self)
            return
        self.sock = _Socket(_active[-1], scheme, self)
        if hasattr(self, "is_verified"):
            self.is_verified = True

    return connect


def covers(scheme: str, host: str, port: int) -> bool:
    """Whether a request is the active world's to answer."""
    if not _active:
        return False
    if current() is None:
        return _active[-1].reaches(base(scheme, host, port))
    return not _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def exchange(request: Request) -> Response | Failure:
    """The active world's answer; raises UsageError when nobody declared it."""
    with tmp.outside():
        return _active[-1].exchange(request)


def demand(method: str, url: str) -> None:
    """Raise UsageError when nobody declared what answers at a URL."""
    if not _active[-1].reaches(url):
        raise undeclared(Request(method, url, actor=actor()))


def actor() -> str:
    """Who makes a request."""
    task = current()
    return task.identity.actor if task is not None and task.identity is not None else "test"


def base(scheme: str, host: str, port: int) -> str:
    """The beginning of a URL."""
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{host}" if port == usual else f"{scheme}://{host}:{port}"


def aws_answer(prepared: Any) -> Any:
    """What a double of an AWS endpoint answers to a prepared botocore request, as its transport gives it."""
    from botocore.awsrequest import AWSResponse
    from botocore.exceptions import EndpointConnectionError
    from moto.core.botocore_stubber import MockRawResponse

    headers = tuple((str(name), _text(value)) for name, value in prepared.headers.items())
    body = prepared.body or b""
    data = body.read() if hasattr(body, "read") else body
    sent = data.encode() if isinstance(data, str) else bytes(data)
    answer = exchange(Request(prepared.method, prepared.url, headers, sent, actor()))
    if isinstance(answer, Failure):
        raise EndpointConnectionError(endpoint_url=prepared.url)
    made: Any = AWSResponse
    return made(prepared.url, answer.status, dict(answer.headers), MockRawResponse(answer.body))


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Socket:
    """Looks enough like a socket for ``http.client``."""

    def __init__(self, web: Http, scheme: str, connection: Any) -> None:
        self._web = web
        self._base = base(scheme, connection.host, connection.port)
        self._connection = connection
        self._sent = bytearray()

    def sendall(self, data: Any) -> None:
        self._sent += data

    send = sendall

    def makefile(self, *args: Any, **kwargs: Any) -> io.BytesIO:
        request = parsed(bytes(self._sent), self._base)
        self._sent.clear()
        with tmp.outside():
            answer = self._web.exchange(request)
        patience = _seconds(self._connection.timeout)
        if isinstance(answer, Failure):
            _fail(answer, patience)
        if answer.latency:
            if patience is not None and patience < answer.latency:
                time.sleep(patience)
                raise TimeoutError("timed out")
            time.sleep(answer.latency)
        assert isinstance(answer, Response)  # a failure has raised
        return io.BytesIO(raw(answer))

    def settimeout(self, seconds: Any) -> None:
        if isinstance(seconds, (int, float)):
            self._connection.timeout = seconds

    def gettimeout(self) -> float | None:
        return _seconds(self._connection.timeout)

    def setsockopt(self, *args: Any) -> None:
        """Nothing to set."""

    def shutdown(self, how: int) -> None:
        """Nothing to shut."""

    def close(self) -> None:
        """Nothing to close."""


def _seconds(timeout: Any) -> float | None:
    return float(timeout) if isinstance(timeout, (int, float)) else None


def _fail(failure: Failure, patience: float | None) -> None:
    if failure.kind == "timeout":
        time.sleep(failure.latency or (patience if patience is not None else 365 * 86_400.0))
        raise TimeoutError("timed out")
    if failure.latency:
        time.sleep(failure.latency)
    if failure.kind == "refused":
        raise ConnectionRefusedError(111, "Connection refused")
    raise ConnectionResetError(104, "Connection reset by peer")


def parsed(data: bytes, base: str) -> Request:
    """A request from what was written to a socket."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    if any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers):
        body = _unchunked(body)
    url = target if target.startswith("http") else base + target
    return Request(method, url, headers, body, actor())


def _unchunked(data: bytes) -> bytes:
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        body += rest[:length]
        data = rest[length + 2 :] if length else b""
    return body


def raw(answer: Response) -> bytes:
    """An answer as it comes from a socket."""
    reason = http.client.responses.get(answer.status, "")
    skipped = ("content-length", "transfer-encoding", "connection")
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in skipped]
    lines += [f"Content-Length: {len(answer.body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + answer.body
