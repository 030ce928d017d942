"""Ways to end the process, from a task: they end its execution environment, not the run of the tests.

``os._exit``, ``os.abort`` and a fatal signal to the own process cannot be caught; ``os.exec*`` would put
another program in the place of the test run. Signals that a task sends itself go to the handler that it set;
timers that raise signals are refused.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

from stackproof.errors import CapabilityMissing
from stackproof.fabric.tasks import Exited, Task, current

_real_exit, _real_abort = os._exit, os.abort
_real_killpg = os.killpg
_real_raise = signal.raise_signal
_HARMLESS = frozenset((signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH))
_WORDS = {
    signal.SIGABRT: "aborted", signal.SIGALRM: "alarm clock", signal.SIGHUP: "hangup",
    signal.SIGINT: "interrupt", signal.SIGKILL: "killed", signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault", signal.SIGTERM: "terminated",
}  # fmt: skip
"""Go's names of signals, as Lambda's "Runtime exited with error: signal: …" has them."""
_TIMERS = ("alarm", "setitimer", "pause", "sigwait", "sigtimedwait", "pthread_kill")


def _end(task: Task, reason: str) -> None:
    root = task.root
    if root is not task:
        root.kill(error=Exited(reason))
    task.kill(error=Exited(reason))


def _exit(status: int) -> None:
    task = current()
    if task is None:
        _real_exit(status)
    else:
        _end(task, f"exit status {status & 255}" if status & 255 else "")


def _executing(real: Callable[..., Any]) -> Any:
    def execute(path: Any, args: Any, env: Any = None, /) -> None:
        """The program runs in a process of its own; its end is that of the task's process."""
        task = current()
        if task is None:
            real(path, args) if env is None else real(path, args, env)
            return
        status = subprocess.run(list(args), executable=path, env=env, check=False).returncode
        if status < 0:
            _end(task, _killed_by(-status))
        else:
            _exit(status)

    return execute


def _killed_by(number: int) -> str:
    return f"signal: {_WORDS.get(signal.Signals(number), f'signal {number}')}"


def _abort() -> None:
    task = current()
    if task is None:
        _real_abort()
    else:
        _end(task, "signal: aborted")


def raised(task: Task, number: int) -> None:
    """A task signals its own process."""
    handler = task.facts.get("signals", {}).get(number, signal.SIG_DFL)
    fatal = number in (signal.SIGKILL, signal.SIGSTOP)
    if callable(handler) and not fatal:
        handler(number, None)
    elif number and (fatal or handler != signal.SIG_IGN) and number not in _HARMLESS:
        _end(task, _killed_by(number))


def _raise_signal(number: int, /) -> None:
    task = current()
    if task is None:
        _real_raise(number)
    else:
        raised(task, number)


def _killing(real: Callable[[int, int], None], own: Callable[[], tuple[int, ...]]) -> Any:
    def kill(target: int, number: int, /) -> None:
        task = current()
        if task is not None and target in own():
            raised(task, number)
        else:
            real(target, number)

    return kill


def _refused(name: str, real: Callable[..., Any]) -> Any:
    def refuse(*args: Any) -> Any:
        task = current()
        if task is None or (name == "alarm" and args == (0,)):
            return real(*args)
        raise CapabilityMissing(
            f"not emulated: signal.{name} in {task.name}: signals reach the main thread only, and code "
            "of the fabric runs in others",
            hint="use a timeout of the call itself, or threading.Timer",
        )

    return refuse


_real_getpid, _real_getppid = os.getpid, os.getppid


def _own() -> tuple[int, ...]:
    """The process and its parent, as they are and as the task sees them."""
    return _real_getpid(), _real_getppid(), os.getpid(), os.getppid()


def install() -> None:
    """Put the shims in place (idempotent). After ``machine``, whose process id is a function's own."""
    if os.abort is _abort:
        return
    system: Any = os
    module: Any = signal
    system._exit, system.abort = _exit, _abort
    system.execv, system.execve = _executing(os.execv), _executing(os.execve)
    system.kill = _killing(os.kill, lambda: (0, -1, -os.getpgrp(), *_own()))
    system.killpg = _killing(_real_killpg, lambda: (0, os.getpgrp(), *_own()))
    module.raise_signal = _raise_signal
    for name in _TIMERS:
        setattr(module, name, _refused(name, getattr(signal, name)))
