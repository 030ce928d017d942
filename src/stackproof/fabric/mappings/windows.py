"""Tumbling windows: a function that sums up what arrives in equal spans of time.

Source: developer guide, "Stateful processing": records fall into windows by their time of arrival; the
function gets the state that it handed back last, and one more call without records when the window is
over. A state of more than 1 MB ends the window early.
"""

from __future__ import annotations

import json
from typing import Any

from stackproof.fabric.clock import iso
from stackproof.fabric.mappings.lanes import Window

STATE_LIMIT = 1024 * 1024


def of(ms: int, seconds: int) -> Window:
    """The window that a time falls into."""
    length = seconds * 1000
    start = ms - ms % length
    return Window(start, start + length)


def members(window: Window, shard: str, source: str, *, closes: bool) -> dict[str, Any]:
    """What an event has besides its records."""
    return {
        "window": {"start": _shown(window.start_ms), "end": _shown(window.end_ms)},
        "state": dict(window.state),
        "shardId": shard,
        "eventSourceARN": source,
        "isFinalInvokeForWindow": closes,
        "isWindowTerminatedEarly": closes and window.early,
    }


def _shown(ms: int) -> str:
    return iso(ms).replace(".000Z", "Z")


def after(window: Window, payload: bytes) -> Window:
    """The window with the state of an answer; an answer without a state keeps none."""
    try:
        answer = json.loads(payload) if payload else None
    except ValueError:
        answer = None
    state = answer.get("state") if isinstance(answer, dict) else None
    found = state if isinstance(state, dict) else {}
    early = len(json.dumps(found).encode()) > STATE_LIMIT
    return Window(window.start_ms, window.end_ms, found, early)
