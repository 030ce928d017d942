"""From a name to a backend: what ``--stack-backend`` means."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.errors import UsageError

BACKENDS = ("embedded", "localstack", "ministack", "moto-server", "endpoint")
"""The names; ``endpoint`` is the one that the environment names (``endpoint.endpoint_of``)."""


class Backends:
    """Makes backends of one kind for one process, and ends the server that they need.

    ``share`` names the server for all processes of a run (pytest-xdist's test run id); every backend
    gets an account of its own unless one is named. Use it as a context manager or call ``close``.
    """

    def __init__(self, kind: str = "embedded", *, share: str = "", functions: str = "loader") -> None:
        if kind not in BACKENDS:
            raise UsageError(f"there is no backend '{kind}'", hint="one of " + ", ".join(BACKENDS))
        self.kind = kind
        self._share = share
        self._functions = functions
        self._end = ExitStack()
        self._make: Callable[..., Any] | None = None

    def backend(self, **options: Any) -> Any:
        """A backend that is not active yet (see ``base.Backend``). Raises ``BackendError``, ``UsageError``.

        ``options``: ``account``, ``region``, ``journal``; ``seed`` and ``chooser`` of the embedded one.
        """
        if self._make is None:
            self._make = self._prepared()
        return self._make(**options)

    def _prepared(self) -> Callable[..., Any]:
        if self.kind == "embedded":
            return EmbeddedBackend
        from stackproof.backends.endpoint import EndpointBackend, endpoint_of

        url, settle = endpoint_of(os.environ), None
        if self.kind == "endpoint" and not url:
            raise UsageError(
                "no endpoint is named", hint="set AWS_ENDPOINT_URL, or LOCALSTACK_HOST and EDGE_PORT"
            )
        if self.kind != "endpoint":
            from stackproof.backends.servers import SERVERS

            server = self._end.enter_context(SERVERS[self.kind](self._share))
            url, settle = server.url, server.settle
        fixed: dict[str, Any] = {"kind": self.kind, "functions": self._functions}
        if settle is not None:
            fixed["settle"] = settle
        return lambda **options: EndpointBackend(url, **fixed, **_known(options))

    def close(self) -> None:
        """End what was started."""
        self._make = None
        self._end.close()

    def __enter__(self) -> Backends:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """What determinism needs has no meaning at an endpoint; an account of its own keeps tests apart there."""
    kept = {
        name: value for name, value in options.items() if name in ("account", "region", "journal") and value
    }
    return {"account": str(secrets.choice(range(10**11, 10**12))), **kept}
