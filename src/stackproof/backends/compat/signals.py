"""Signal handlers of tasks: kept with the task (``signal.signal`` is for the main thread only)."""

from __future__ import annotations

import signal
from typing import Any

from stackproof.backends.compat import exits
from stackproof.fabric.tasks import current

_real_signal = signal.signal
_real_getsignal = signal.getsignal


def _handlers() -> dict[int, Any] | None:
    task = current()
    return None if task is None else task.facts.setdefault("signals", {})


def _signal(number: int, handler: Any, /) -> Any:
    handlers = _handlers()
    if handlers is None:
        return _real_signal(number, handler)
    before = handlers.get(number, signal.SIG_DFL)
    handlers[number] = handler
    return before


def _getsignal(number: int, /) -> Any:
    handlers = _handlers()
    return _real_getsignal(number) if handlers is None else handlers.get(number, signal.SIG_DFL)


def install() -> None:
    """Put the shims in place (idempotent)."""
    exits.install()
    module: Any = signal
    module.signal, module.getsignal = _signal, _getsignal
