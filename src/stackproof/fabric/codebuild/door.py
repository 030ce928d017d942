"""How the commands of a build reach the world: AWS at a loopback port, declared tools at a socket file.

Both are served in the build's own task, one request after the other, while it waits for a command. An AWS
call is made as the project's role by the services of the world (``World.wire``), and is judged, journalled
and answered as any other. Who calls is known from the task: signatures are read for the service and the
region only.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.codebuild.tools import Call, Stand, answered
from stackproof.fabric.http import Request, Response

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_SCOPE = re.compile(r"Credential=[^/]*(?:/|%2F)\d{8}(?:/|%2F)([a-z0-9-]+)(?:/|%2F)([A-Za-z0-9-]+)(?:/|%2F)")
_PATIENCE = 25.0
"""Real seconds until the rest of a request must have come."""


class Door:
    """Listens from the beginning of a build to its end. ``actor`` is the name in the journal."""

    def __init__(self, world: World, actor: str, stands: Mapping[str, Stand], path: Path) -> None:
        self._world = world
        self._actor = actor
        self._stands = stands
        self.aws = socket.create_server(("127.0.0.1", 0))
        self.tools = socket.socket(socket.AF_UNIX)
        self.tools.bind(str(path))
        self.tools.listen()

    @property
    def url(self) -> str:
        """The address that ``AWS_ENDPOINT_URL`` names."""
        return f"http://127.0.0.1:{self.aws.getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        self.aws.close()
        self.tools.close()

    def serve(self, listener: Any) -> None:
        """Take the one request that waits at a listener and answer it."""
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(_PATIENCE)
            try:
                if listener is self.tools:
                    self._tool(connection)
                else:
                    self._http(connection)
            except (TimeoutError, ConnectionError):
                return  # who asked has gone away: its command tells why

    def _tool(self, connection: socket.socket) -> None:
        told = b""
        while part := connection.recv(65_536):
            told += part
        given = json.loads(told)
        stand = self._stands[given["name"]]
        assert callable(stand)  # only functions are asked over the socket
        call = Call(
            given["name"], tuple(given["arguments"]), Path(given["folder"]), given["environment"],
            given["input"],
        )  # fmt: skip
        answer = answered(stand(call))
        shown = {"code": answer.code, "output": answer.output, "errors": answer.errors}
        connection.sendall(json.dumps(shown).encode())

    # AWS.

    def _http(self, connection: socket.socket) -> None:
        request = _read(connection, self._actor)
        if request is None:
            return
        answer = self._asked(request)
        lines = [f"HTTP/1.1 {answer.status} -"]
        skipped = ("content-length", "transfer-encoding", "connection")
        lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in skipped]
        head = request.method == "HEAD"
        length = next((v for n, v in answer.headers if head and n.lower() == "content-length"), None)
        lines += [f"Content-Length: {length or len(answer.body)}", "Connection: close", "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1") + (b"" if head else answer.body))

    def _asked(self, request: Request) -> Response:
        scope = _SCOPE.search(request.header("authorization")) or _SCOPE.search(request.url)
        if scope is None:
            return Response(403, b"nobody signed this request", (("Content-Type", "text/plain"),))
        if self._world.wire is None:
            raise CapabilityMissing(f"not emulated: AWS calls of commands in the build {self._actor}")
        region, service = scope[1], scope[2]
        if service == "dynamodb" and "Streams" in request.header("x-amz-target"):
            service = "streams.dynamodb"
        path = request.url.partition("://")[2].partition("/")[2]
        url = f"https://{service}.{region}.amazonaws.com/{path}"
        return self._world.wire(Request(request.method, url, request.headers, request.body, self._actor))


def _read(connection: socket.socket, actor: str) -> Request | None:
    """A whole request; None when nobody sent one."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
    known = {name.lower(): value for name, value in headers}
    if known.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in known.get("transfer-encoding", "").lower():
        body = _chunks(connection, body)
    else:
        body = _enough(connection, body, int(known.get("content-length") or 0))
    kept = tuple((name, value) for name, value in headers if name.lower() not in _HOP)
    return Request(method, f"http://{known.get('host', '')}{target}", kept, body, actor)


_HOP = ("transfer-encoding", "expect", "connection", "host")


def _enough(connection: socket.socket, data: bytes, size: int) -> bytes:
    while len(data) < size:
        part = connection.recv(65_536)
        if not part:
            raise ConnectionError("the request ends in its middle")
        data += part
    return data


def _chunks(connection: socket.socket, data: bytes) -> bytes:
    body = b""
    while True:
        while b"\r\n" not in data:
            data = _enough(connection, data, len(data) + 1)
        line, _, data = data.partition(b"\r\n")
        size = int(line.partition(b";")[0] or b"0", 16)
        data = _enough(connection, data, size + 2)
        if not size:
            return body
        body, data = body + data[:size], data[size + 2 :]
