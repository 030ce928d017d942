"""Worker processes, forked when what they need is loaded, that can be cut off one by one.

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
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait

Work = Callable[[int], Iterator[bytes]]
"""Does the job with this number; yields parts of its answer as they are known."""

_PART, _DONE, _FAILED, _READY, _UNFIT = b"p", b"d", b"f", b"r", b"u"
_GC_THRESHOLD = 200_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a job's answer."""

    job: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """A worker is prepared and has something to tell about it."""

    told: bytes


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


class Unfit(Exception):
    """A worker could not prepare itself; the text is its traceback."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker that is prepared: what does its jobs, and what the parent should know at once."""

    work: Work
    told: bytes = b""


Prepare = Callable[[], Ready]


@dataclass(frozen=True, slots=True)
class Lane:
    """Jobs of one kind: ``prepare`` makes, in the worker, what does them. ``pending`` ends with the next."""

    prepare: Prepare
    pending: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Worker:
    """``started`` is None until the worker is prepared: a job's time is its own."""

    pid: int
    pipe: Connection
    lane: Lane
    job: int = -1
    ready: bool = False
    started: float = 0.0

    def seconds(self) -> float:
        return time.monotonic() - self.started if self.ready and self.job >= 0 else 0.0


class Pool:
    """Runs jobs in forked processes, in the order given, each for at most ``limit`` seconds.

    A context manager: every worker ends with it. A lane may be opened before its jobs are known, so
    that its worker prepares itself while the parent finds out.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._workers: list[_Worker] = []
        self._frozen = False

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._frozen:
            gc.unfreeze()
        self.close(*{id(worker.lane): worker.lane for worker in self._workers}.values())

    def open(self, prepare: Prepare, workers: int = 1) -> Lane:
        """Start processes that do nothing but ``prepare``, once in each of them."""
        # What the parent holds now is shared with the workers as long as no collection touches it.
        gc.freeze()
        self._frozen = True
        lane = Lane(prepare)
        for _ in range(workers):
            self._hire(lane)
        return lane

    def give(self, lane: Lane, jobs: Sequence[int]) -> None:
        """Hand the jobs to the workers of a lane; those without one end."""
        lane.pending[:] = reversed(jobs)
        for worker in [one for one in self._workers if one.lane is lane]:
            self._next(worker)

    def close(self, *lanes: Lane) -> None:
        """End the workers of these lanes."""
        for worker in [one for one in self._workers if any(one.lane is lane for lane in lanes)]:
            self._dismiss(worker)

    def events(self) -> Generator[Part | Prepared | Ended, None, None]:
        """Yield what comes in, until every lane is done: each of its jobs gets exactly one ``Ended``.

        Raises ``Unfit`` when a worker could not be prepared.
        """
        while self._workers:
            yield from self._collect()

    def _hire(self, lane: Lane) -> _Worker:
        ours, theirs = Pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(OSError):
                ours.close()
                for worker in self._workers:
                    worker.pipe.close()
            _serve(theirs, lane.prepare)
        theirs.close()
        worker = _Worker(pid, ours, lane)
        self._workers.append(worker)
        return worker

    def _next(self, worker: _Worker) -> None:
        """Give a worker the next job of its lane, or send it home."""
        if not worker.lane.pending:
            self._dismiss(worker)
            return
        worker.job, worker.started = worker.lane.pending.pop(), time.monotonic()
        # A worker that is gone already is noticed when its answer is read.
        with contextlib.suppress(OSError):
            worker.pipe.send_bytes(str(worker.job).encode())

    def _collect(self) -> Iterator[Part | Prepared | Ended]:
        patience = [self._limit - one.seconds() for one in self._workers if one.ready]
        ready = wait([one.pipe for one in self._workers], max(0.0, min(patience)) if patience else None)
        for worker in [one for one in self._workers if one.pipe in ready]:
            yield from self._read(worker)
        for worker in [one for one in self._workers if one.seconds() >= self._limit]:
            seconds, because = worker.seconds(), f"took longer than {self._limit:g} s"
            self._dismiss(worker)
            yield Ended(worker.job, because, overran=True, seconds=seconds)
            self._replace(worker)

    def _read(self, worker: _Worker) -> Iterator[Part | Prepared | Ended]:
        try:
            message = worker.pipe.recv_bytes()
        except (EOFError, OSError):
            seconds = worker.seconds()
            yield Ended(worker.job, self._dismiss(worker, kill=False), seconds=seconds)
            self._replace(worker)
            return
        kind, payload = message[:1], message[1:]
        if kind == _READY:
            worker.ready, worker.started = True, time.monotonic()
            if payload:
                yield Prepared(payload)
        elif kind == _PART:
            yield Part(worker.job, payload)
        elif kind == _UNFIT:
            raise Unfit(payload.decode("utf-8", "replace"))
        else:
            text, job, seconds = payload.decode("utf-8", "replace"), worker.job, worker.seconds()
            self._next(worker)
            yield Ended(job, text.strip().rpartition("\n")[2], details=text, seconds=seconds)

    def _replace(self, lost: _Worker) -> None:
        if lost.lane.pending:
            self._next(self._hire(lost.lane))

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


def _serve(pipe: Connection, prepare: Prepare) -> None:
    """The life of a worker; never returns."""
    code = 1
    try:
        # The parent decides when to stop; Ctrl-C reaches the whole group of processes.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # A rule that prints must not write into the report.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        sys.stdout = os.fdopen(nowhere, "w")
        gc.disable()
        work = _prepared(pipe, prepare)
        gc.freeze()
        gc.enable()
        gc.set_threshold(_GC_THRESHOLD)
        while work:
            job = int(pipe.recv_bytes())
            pipe.send_bytes(_answer(pipe, work, job))
    except (EOFError, OSError):
        code = 0
    finally:
        os._exit(code)


def _prepared(pipe: Connection, prepare: Prepare) -> Work | None:
    try:
        ready = prepare()
    except Exception:  # noqa: BLE001 - part of the worker boundary: the parent finds out what is wrong
        pipe.send_bytes(_UNFIT + traceback.format_exc().encode("utf-8", "replace"))
        return None
    pipe.send_bytes(_READY + ready.told)
    return ready.work


def _answer(pipe: Connection, work: Work, job: int) -> bytes:
    try:
        for payload in work(job):
            pipe.send_bytes(_PART + payload)
    except Exception:  # noqa: BLE001 - the worker boundary: a defect on one template must not hide the others
        return _FAILED + traceback.format_exc().encode("utf-8", "replace")
    return _DONE
