"""HTTP requests of httpx and aiohttp, answered by the world (``web`` does it for what uses ``http.client``).

The two libraries are changed when somebody imports them: httpx where a transport takes a request, aiohttp
where a connector opens a connection: it gets a transport that collects the request and hands the answer out.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from stackproof.backends.compat import web
from stackproof.fabric.http import Answer, Failure, Request, Response

_ENDLESS = 365 * 86_400.0


# httpx.


def _httpx(module: Any) -> None:
    sync, asynchronous = module.HTTPTransport, module.AsyncHTTPTransport
    handle, handle_async = sync.handle_request, asynchronous.handle_async_request

    def handle_request(self: Any, request: Any) -> Any:
        if not _covers(request.url):
            return handle(self, request)
        request.read()
        answer = web.exchange(_of_httpx(request))
        seconds, made = _waited(request, answer)
        time.sleep(seconds)
        return _as_httpx(request, made)

    async def handle_async_request(self: Any, request: Any) -> Any:
        if not _covers(request.url):
            return await handle_async(self, request)
        import anyio

        await request.aread()
        answer = web.exchange(_of_httpx(request))
        seconds, made = _waited(request, answer)
        await anyio.sleep(seconds)
        return _as_httpx(request, made)

    sync.handle_request = handle_request
    asynchronous.handle_async_request = handle_async_request


def _covers(url: Any) -> bool:
    return web.covers(url.scheme, url.host, url.port or {"http": 80, "https": 443}[url.scheme])


def _of_httpx(request: Any) -> Request:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    return Request(request.method, str(request.url), headers, request.content, web.actor())


def _waited(request: Any, answer: Answer) -> tuple[float, Answer]:
    """How long the client waits, and what it sees then."""
    patience = request.extensions.get("timeout", {}).get("read")
    limit = _ENDLESS if patience is None else float(patience)
    endless = isinstance(answer, Failure) and answer.kind == "timeout" and not answer.latency
    seconds = limit if endless else answer.latency
    if seconds >= limit or (isinstance(answer, Failure) and answer.kind == "timeout"):
        return min(seconds, limit), Failure("timeout")
    return seconds, answer


def _as_httpx(request: Any, answer: Answer) -> Any:
    httpx = sys.modules["httpx"]
    if isinstance(answer, Response):
        skipped = ("content-length", "transfer-encoding", "connection")
        headers = [(name, value) for name, value in answer.headers if name.lower() not in skipped]
        return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)
    kind, text = {
        "timeout": (httpx.ReadTimeout, "timed out"),
        "refused": (httpx.ConnectError, "[Errno 111] Connection refused"),
    }.get(answer.kind, (httpx.ReadError, "[Errno 104] Connection reset by peer"))
    raise kind(text, request=request)


# aiohttp.


def _aiohttp(module: Any) -> None:
    connector = module.TCPConnector
    create = connector._create_connection

    async def _create_connection(self: Any, req: Any, traces: Any, timeout: Any) -> Any:
        url = req.url
        if not web.covers(url.scheme, url.host, url.port):
            return await create(self, req, traces, timeout)
        web.demand(req.method, str(url))
        protocol = self._factory()
        protocol.connection_made(_Transport(protocol, web.base(url.scheme, url.host, url.port)))
        return protocol

    connector._create_connection = _create_connection


class _Transport(asyncio.Transport):
    """Collects a request; its answer comes to the protocol after its latency."""

    def __init__(self, protocol: Any, base: str) -> None:
        super().__init__()
        self._protocol = protocol
        self._base = base
        self._loop = asyncio.get_running_loop()
        self._sent = bytearray()
        self._closing = False

    def write(self, data: Any) -> None:
        """Take a piece of the request."""
        self._sent += data
        if _is_whole(bytes(self._sent)):
            request = web.parsed(bytes(self._sent), self._base)
            self._sent.clear()
            self._answer(request)

    def _answer(self, request: Request) -> None:
        try:
            answer = web.exchange(request)
        except Exception as error:  # noqa: BLE001 - whatever a double raises, the caller is told
            self._loop.call_soon(self._protocol.set_exception, error)
            return
        if isinstance(answer, Response):
            self._loop.call_later(answer.latency, self._deliver, web.raw(answer))
        elif answer.kind != "timeout":
            self._loop.call_later(answer.latency, self._lose, answer.kind)

    def _deliver(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)

    def _lose(self, kind: str) -> None:
        refused = kind == "refused"
        error = ConnectionRefusedError(111, "Connection refused") if refused else None
        self._protocol.connection_lost(error or ConnectionResetError(104, "Connection reset by peer"))

    def is_closing(self) -> bool:
        """Whether somebody closed it."""
        return self._closing

    def close(self) -> None:
        """Nothing comes any more."""
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        """Nothing flows by itself."""

    def resume_reading(self) -> None:
        """Nothing flows by itself."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There is no buffer."""


def _is_whole(data: bytes) -> bool:
    """Whether a request is complete."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    lines = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
    headers = {name.strip(): value.strip() for name, _, value in lines}
    if b"chunked" in headers.get(b"transfer-encoding", b""):
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(headers.get(b"content-length", b"0"))


# When they are imported.

_HOOKS: dict[str, Callable[[Any], None]] = {
    "aiohttp.connector": _aiohttp,
    "httpx._transports.default": _httpx,
}


class _Finder:
    """Changes a module right after it was executed, also a copy that a function brings along."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        hook = _HOOKS.get(name)
        if hook is None:
            return None
        others = (finder for finder in sys.meta_path if finder is not _Finder)
        found = (finder.find_spec(name, path, target) for finder in others)
        spec: Any = next((spec for spec in found if spec is not None), None)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            hook(module)

        spec.loader.exec_module = exec_module
        return spec


def install() -> None:
    """Put the hooks in place (idempotent)."""
    if _Finder in sys.meta_path:
        return
    finders: Any = sys.meta_path
    finders.insert(0, _Finder)
    for name, hook in _HOOKS.items():
        if name in sys.modules:
            hook(sys.modules[name])
