"""Errors of user code as Lambda reports them: the error document, the log lines, the user's frames.

Source: the runtime interface client for Python (awslambdaric, ``bootstrap.py``) for names and wording.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import stackproof

_OURS = str(Path(stackproof.__file__).parent)


class InitError(Exception):
    """The handler could not be loaded; ``kind`` is Lambda's error type."""

    def __init__(self, kind: str, message: str, trace: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = list(trace)


def shown_path(path: str, roots: Sequence[str]) -> str:
    """A file as the function would see it: below ``/var/task`` or ``/opt``."""
    for index, root in enumerate(roots):
        if path.startswith(root + "/"):
            return ("/opt/python" if index else "/var/task") + path[len(root) :]
    return path


def user_trace(error: BaseException, roots: Sequence[str]) -> list[str]:
    """The frames from the first one of the user on, one text each; without ours, which AWS does not have."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, frame in enumerate(frames) if frame.filename.startswith(tuple(roots))), None)
    if first is None:
        return []
    shown = [
        traceback.FrameSummary(
            shown_path(frame.filename, roots), frame.lineno, frame.name, lookup_line=False, line=frame.line
        )
        for frame in frames[first:]
        if not frame.filename.startswith(_OURS)
    ]
    return traceback.format_list(shown)


def document(message: str, kind: str, request_id: str, trace: Sequence[str]) -> bytes:
    """The error document of a failed invocation."""
    content: dict[str, Any] = {
        "errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": list(trace),
    }  # fmt: skip
    return json.dumps(content).encode()


def bare(message: str, kind: str) -> bytes:
    """The error document of Lambda itself, where the runtime could not answer."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def log_text(message: str, kind: str, trace: Sequence[str]) -> str:
    """What the runtime writes to the log; indentation becomes no-break spaces."""
    lines = [f"[ERROR] {kind}: {message}" if message else f"[ERROR] {kind}"]
    if trace:
        lines.append("Traceback (most recent call last):")
    for entry in trace:
        for line in entry.rstrip("\n").split("\n"):
            stripped = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(stripped)) + stripped)
    return "\n".join(lines) + "\n"
