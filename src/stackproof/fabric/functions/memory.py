"""The memory that a REPORT line names.

Handlers share this process, so that nobody can measure what one environment takes; and a measured figure
would not be the same in the next run. It is reckoned instead: what the runtime takes by itself, the code that
was loaded, and the event and the answer, which are held in text and decoded.
"""

from __future__ import annotations

from functools import cache

from stackproof.fabric.functions.invocation import Invocation

_RUNTIMES = {"python": 36, "nodejs": 66}
"""Megabytes that a handler which does nothing is taken to need, by family: an assumption, not a measure."""
_MEGABYTE = 1024 * 1024
_DECODED = 4
"""How many times its text a decoded event takes."""


@cache
def _base(runtime: str) -> int:
    return _RUNTIMES.get(runtime.rstrip("0123456789.x"), min(_RUNTIMES.values()))


def used(invocation: Invocation, answer: bytes) -> int:
    """Megabytes, at least one and at most what the function has."""
    config = invocation.version.config
    base = _base(str(config.get("Runtime", "")))
    held = invocation.version.code.size + (len(invocation.payload) + len(answer)) * (1 + _DECODED)
    return max(1, min(base + -(-held // _MEGABYTE), int(config["MemorySize"])))
