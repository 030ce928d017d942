"""An invocation and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stackproof.fabric.functions.model import Function, Version

SYNC_LIMIT = 6 * 1024 * 1024
"""Bytes of a request or response of a synchronous invocation."""
ASYNC_LIMIT = 1024 * 1024
"""Bytes of an asynchronous event: 1 MB since October 2025 (256 KB before)."""
RESPONSE_LIMIT = 6_291_556
"""Bytes of a response, as the error message of Lambda says."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``payload`` is the response (or the error document); ``error`` "" or ``Unhandled``.

    ``exception`` is what the user's code raised, with its traceback; ``log`` the lines of this invocation.
    """

    payload: bytes
    error: str = ""
    log: str = ""
    exception: BaseException | None = None
    discard: bool = False


Done = Callable[["Invocation", Outcome], None]


@dataclass(slots=True)
class Invocation:
    """One execution of a version. ``arn`` is what was asked for (with its qualifier), ``actor`` who asked.

    ``data`` is the decoded payload when the caller has it; otherwise ``payload`` is decoded.
    """

    function: Function
    version: Version
    arn: str
    request_id: str
    payload: bytes
    actor: str
    done: Done
    client_context: dict[str, Any] | None = None
    trace: str = ""
    started_ms: int = 0
    concurrent: int = 1
    cold: bool = False
    timed_out: bool = False
    lines: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
