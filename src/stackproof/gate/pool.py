"""Worker processes, forked after the rules are loaded, that can be cut off one by one.

A job that overruns its time limit loses its worker and nothing else; so does a job that ends its
worker (a crash in a C extension, the kernel's memory killer). The parent never waits for a child
longer than the limit, and no child outlives the parent: it ends when its pipe closes.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait

Work = Callable[[int], Iterator[bytes]]
"""Does the job with this number; yields parts of its answer as they are known."""

_PART, _DONE, _FAILED = b"p", b"d", b"f"
_GC_THRESHOLD = 200_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a job's answer."""

    job: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that is over. ``failure`` is "" when it came to its end, else what stopped it.

    ``overran`` is True when that was its time limit; ``details`` may hold a traceback.
    """

    job: int
    failure: str = ""
    overran: bool = False
    details: str = ""
    seconds: float = 0.0


@dataclass(slots=True)
class _Worker:
    pid: int
    pipe: Connection
    job: int = -1
    started: float = 0.0


class Pool:
    """Runs jobs in ``workers`` forked processes, in the order given, each for at most ``limit`` seconds."""

    def __init__(self, work: Work, workers: int, limit: float) -> None:
        self._work = work
        self._count = workers
        self._limit = limit
        self._workers: list[_Worker] = []

    def run(self, jobs: Sequence[int]) -> Generator[Part | Ended, None, None]:
        """Yield what comes in. Every job gets exactly one ``Ended``; every worker ends with this call."""
        pending = list(reversed(jobs))
        # What the parent holds now is shared with the workers as long as no collection touches it.
        gc.freeze()
        try:
            for _ in range(min(self._count, len(jobs))):
                self._hire(pending.pop())
            while self._workers:
                yield from self._collect(pending)
        finally:
            gc.unfreeze()
            for worker in list(self._workers):
                self._dismiss(worker)

    def _hire(self, job: int) -> None:
        ours, theirs = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(OSError):
                ours.close()
                for worker in self._workers:
                    worker.pipe.close()
            _serve(theirs, self._work)
        theirs.close()
        worker = _Worker(pid, ours)
        self._workers.append(worker)
        self._give(worker, job)

    def _give(self, worker: _Worker, job: int) -> None:
        worker.job, worker.started = job, time.monotonic()
        # A worker that is gone already is noticed when its answer is read.
        with contextlib.suppress(OSError):
            worker.pipe.send_bytes(str(job).encode())

    def _collect(self, pending: list[int]) -> Iterator[Part | Ended]:
        now = time.monotonic()
        deadline = min(worker.started for worker in self._workers) + self._limit
        ready = wait([worker.pipe for worker in self._workers], max(0.0, deadline - now))
        for worker in [one for one in self._workers if one.pipe in ready]:
            yield from self._read(worker, pending)
        now = time.monotonic()
        for worker in [one for one in self._workers if now - one.started >= self._limit]:
            job, seconds = worker.job, now - worker.started
            self._dismiss(worker)
            yield Ended(job, f"took longer than {self._limit:g} s", overran=True, seconds=seconds)
            if pending:
                self._hire(pending.pop())

    def _read(self, worker: _Worker, pending: list[int]) -> Iterator[Part | Ended]:
        try:
            message = worker.pipe.recv_bytes()
        except (EOFError, OSError):
            job, seconds = worker.job, time.monotonic() - worker.started
            yield Ended(job, self._dismiss(worker, kill=False), seconds=seconds)
            if pending:
                self._hire(pending.pop())
            return
        kind, payload = message[:1], message[1:]
        if kind == _PART:
            yield Part(worker.job, payload)
            return
        job, seconds = worker.job, time.monotonic() - worker.started
        if pending:
            self._give(worker, pending.pop())
        else:
            self._dismiss(worker)
        text = payload.decode("utf-8", "replace")
        yield Ended(job, text.strip().rpartition("\n")[2], details=text, seconds=seconds)

    def _dismiss(self, worker: _Worker, kill: bool = True) -> str:
        """Wait for a worker's end, which ``kill`` brings about; says how it ended."""
        self._workers.remove(worker)
        worker.pipe.close()
        if kill:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)
        _, status = os.waitpid(worker.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return f"the worker process was ended by {signal.Signals(-code).name}"
        return f"the worker process ended with code {code}"


def _serve(pipe: Connection, work: Work) -> None:
    """The life of a worker; never returns."""
    code = 1
    try:
        # The parent decides when to stop; Ctrl-C reaches the whole group of processes.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.enable()
        gc.set_threshold(_GC_THRESHOLD)
        # A rule that prints must not write into the report.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        sys.stdout = os.fdopen(nowhere, "w")
        while True:
            job = int(pipe.recv_bytes())
            pipe.send_bytes(_answer(pipe, work, job))
    except (EOFError, OSError):
        code = 0
    finally:
        os._exit(code)


def _answer(pipe: Connection, work: Work, job: int) -> bytes:
    try:
        for payload in work(job):
            pipe.send_bytes(_PART + payload)
    except Exception:  # noqa: BLE001 - the worker boundary: a defect on one template must not hide the others
        return _FAILED + traceback.format_exc().encode("utf-8", "replace")
    return _DONE
