"""A server that runs as a process of this machine on loopback, shared by all who name the same share."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Self

from stackproof.backends.servers import keeper, locks
from stackproof.backends.servers.capabilities import Capabilities, capabilities_of
from stackproof.backends.servers.environment import Environment, cache_folder
from stackproof.errors import BackendError

_GUEST = Path(__file__).with_name("guest.py")
_KEEPER = f"from {keeper.__name__} import main; main()"
_PATIENCE = 90.0
"""Seconds that a server may take until it is ready."""


class Server(ABC):
    """Start it as a context manager, or with ``start`` and ``stop``.

    ``share`` names the instance: processes that name the same (the workers of one test run) share one
    server, and it ends with the last of them. Without it the server is this object's own. It runs in a
    folder below the cache, which is gone when it ends; everything it binds is on loopback.
    """

    name: ClassVar[str]
    requirement: ClassVar[str]
    settle: ClassVar[float]
    """Seconds without any movement after which nothing is under way inside the server."""
    ready_path: ClassVar[str]
    reset_path: ClassVar[str]
    """Where a POST forgets everything; empty when only a new start does."""

    def __init__(self, share: str = "") -> None:
        key = re.sub(r"[^A-Za-z0-9-]", "-", share) or uuid.uuid4().hex[:12]
        self.folder = cache_folder() / "run" / f"{self.name}-{key}"
        self.url = ""
        self._seat: int | None = None
        self._seat_path = Path()

    @classmethod
    def environment(cls) -> Environment:
        """The virtual environment that the server lives in."""
        return Environment(cls.name, cls.requirement)

    @property
    def capabilities(self) -> Capabilities:
        """What works there, and why the rest does not."""
        return capabilities_of(self.name)

    @abstractmethod
    def variables(self, port: int) -> Mapping[str, str]:
        """The environment variables of the server besides those that every server gets."""

    # Life.

    def start(self) -> Self:
        """Start it, or join it where it runs. Raises ``BackendError`` with the end of its log."""
        if self._seat is not None:
            return self
        python = self.environment().install()
        with locks.lock(self.folder.with_suffix(".lock")):
            self._seat_path = self.folder / "users" / uuid.uuid4().hex
            self._seat = locks.hold(self._seat_path)
            atexit.register(self.stop)
            try:
                self._join_or_launch(python)
            except BaseException:
                self._leave()
                raise
        return self

    def stop(self) -> None:
        """Leave it; the last one to leave ends it and waits until it is gone."""
        if self._seat is None:
            return
        self._leave()
        atexit.unregister(self.stop)
        deadline = time.monotonic() + 10
        while self.folder.exists() and not self.users() and time.monotonic() < deadline:
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _leave(self) -> None:
        if self._seat is not None:
            self._seat_path.unlink(missing_ok=True)
            os.close(self._seat)
            self._seat = None

    def users(self) -> int:
        """How many living processes (or objects) use it."""
        with suppress(FileNotFoundError):
            return sum(locks.held(seat) for seat in (self.folder / "users").iterdir())
        return 0

    # Starting.

    def _join_or_launch(self, python: Path) -> None:
        plan = self.folder / "plan.json"
        if not plan.exists():
            port = _free_port()
            variables = {**self._common(), **self.variables(port)}
            command = [str(python), str(_GUEST), self.name, str(port)]
            plan.write_text(json.dumps({"port": port, "command": command, "environment": variables}))
            self._launch()
        self.url = f"http://127.0.0.1:{json.loads(plan.read_text())['port']}"
        self._await_ready()

    def _common(self) -> dict[str, str]:
        places = {name: self.folder / name for name in ("home", "tmp")}
        for place in places.values():
            place.mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(places["home"]),
            "TMPDIR": str(places["tmp"]),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _launch(self) -> None:
        with (self.folder / "log").open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-c", _KEEPER, str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
            )  # fmt: skip

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._is_ready():
            ended = self.folder / keeper.ENDED
            if ended.exists():
                raise BackendError(f"{self.name} ended with code {ended.read_text()}:\n{self.log()}")
            if time.monotonic() > deadline:
                raise BackendError(f"{self.name} was not ready after {_PATIENCE:.0f} s:\n{self.log()}")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            status, body = self.request("GET", self.ready_path, seconds=2)
            return status == 200 and self.says_ready(body)
        return False

    def says_ready(self, body: bytes) -> bool:
        """Whether the answer of ``ready_path`` means that everything is up."""
        return True

    def log(self, lines: int = 40) -> str:
        """The end of what the server wrote."""
        with suppress(FileNotFoundError):
            text = (self.folder / "log").read_text(errors="replace")
            return "\n".join(text.splitlines()[-lines:])
        return ""

    # Its own interface.

    def request(self, method: str, path: str, *, seconds: float = 30) -> tuple[int, bytes]:
        """A request to the server itself; answers (status, body)."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", int(self.url.rpartition(":")[2]), timeout=seconds
        )
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def reset(self) -> None:
        """Forget every account's state. Raises ``BackendError`` while others use the server.

        A server that can only be started anew has another ``url`` afterwards.
        """
        if self.users() > 1:
            raise BackendError(
                f"{self.name} is shared by {self.users()} users and cannot be reset",
                hint="give each test an account of its own instead",
            )
        if not self.reset_path:
            self.stop()
            self.start()
            return
        status, body = self.request("POST", self.reset_path, seconds=120)
        if status >= 300:
            raise BackendError(
                f"{self.name} could not be reset: {status} {body[:200].decode(errors='replace')}"
            )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
