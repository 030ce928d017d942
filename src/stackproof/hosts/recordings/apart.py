"""The process that decodes MDF4 (``mdf4_program``): started when first asked, it ends with this one."""

from __future__ import annotations

import atexit
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stackproof.errors import BackendError
from stackproof.hosts.recordings import mdf4_program as program
from stackproof.hosts.recordings.model import Bytes, Frame

_APART = "the frames of an MDF4 are decoded in a process of its own"


class _Decoder:
    """The one process; it answers one question after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, file: Path, to: Path) -> dict[str, int | str]:
        """How the decoding ended. Raises ``BackendError`` when the process cannot be had."""
        with self._lock:
            process = self._running()
            answer = ""
            try:
                answer = self._answer(process, json.dumps({"file": str(file), "to": str(to)}))
            finally:
                if not answer:  # also when this process was interrupted: the next answer is not this one's
                    self._end(process)
            if not answer:
                message = f"the decoder of MDF4 ended with {process.returncode} before it answered"
                raise BackendError(message, hint=_APART)
        found: dict[str, int | str] = json.loads(answer)
        return found

    @staticmethod
    def _answer(process: subprocess.Popen[str], question: str) -> str:
        """A line; "" when the process has ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(question + "\n")
            process.stdin.flush()
        return process.stdout.readline()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            # -P: the folder of the program has modules that are called like those of the libraries.
            command = [sys.executable, "-P", program.__file__]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
            )
            atexit.register(self._end, self._process)
        return self._process

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.kill()
        with suppress(BrokenPipeError):
            process.communicate()


_DECODER = _Decoder()


def frames(content: Bytes) -> Iterator[Frame | None]:
    """The frames of an MDF4, None for an error frame.

    Raises ``Corrupt``, with where the library read last, for what it does not read or what it dies of.
    """
    with tempfile.TemporaryDirectory(prefix="stackproof-mdf4-") as folder:
        to = Path(folder) / "frames"
        answer = _DECODER.ask(Path(content.file).absolute(), to)
        if answer["signal"]:
            name = signal.Signals(int(answer["signal"])).name
            message = f"asammdf, which was reading from here, died of {name}"
            raise content.corrupt(int(answer["at"]), message)
        if answer["said"]:
            raise content.corrupt(int(answer["at"]), f"asammdf does not read on from here: {answer['said']}")
        data = to.read_bytes()
    at = 0
    while at < len(data):
        seconds, identity, channel, flags, length = program.FRAME.unpack_from(data, at)
        at += program.FRAME.size + length
        yield (
            None
            if flags & program.ERROR
            else _frame(seconds, identity, channel, flags, data[at - length : at])
        )


def _frame(seconds: float, identity: int, channel: int, flags: int, data: bytes) -> Frame:
    return Frame(
        at=round(seconds * 1e9),
        channel=str(max(0, channel)),
        data=data,
        can_id=identity,
        extended=bool(flags & program.EXTENDED),
        fd=bool(flags & program.FD),
        bit_rate_switch=bool(flags & program.BIT_RATE_SWITCH),
        remote=bool(flags & program.REMOTE),
    )
