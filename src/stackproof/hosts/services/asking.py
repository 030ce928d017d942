"""What clients that never stop asking got: each answer judged, whole or mixed, given or lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from stackproof.errors import BackendError

if TYPE_CHECKING:
    from stackproof.hosts.netns.built import BuiltNetwork

PIECES = 8
"""How many pieces a page of the service has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: when it was asked for (seconds since the epoch) and what came, or why nothing did."""

    client: str
    at: float
    status: int = 0
    release: str = ""
    body: str = ""
    lost: str = ""

    @property
    def complaint(self) -> str:
        """What is wrong with it; empty when it is whole and of one release."""
        if self.lost:
            return f"a request of {self.client} was lost: {self.lost}"
        if self.status != 200:
            return f"a request of {self.client} was answered with {self.status}"
        colours = {line.split(" ")[0] for line in self.body.splitlines()} | {self.release}
        if len(colours) > 1:
            return f"an answer to {self.client} is of {' and '.join(sorted(colours))} at once"
        lines = self.body.splitlines()
        if len(lines) != PIECES or len({line.split(" ")[1] for line in lines}) != 1:
            return f"an answer to {self.client} is not whole: {len(lines)} pieces of {PIECES}"
        return ""


def complaints(answers: Sequence[Answer]) -> list[str]:
    """What is wrong with any of them; that there are none is wrong, too."""
    found = list(dict.fromkeys(one.complaint for one in answers if one.complaint))
    return found if answers else ["nothing was asked"]


class Asking:
    """Clients in the namespace of ``source``, asking port ``port`` of ``target`` until they are stopped."""

    def __init__(
        self, network: BuiltNetwork, source: str, target: str, port: int, *,
        standing: int = 2, new: int = 1, slow: int = 1,
    ) -> None:  # fmt: skip
        self._log = network.session.scratch("asking") / "answers.jsonl"
        program = str(files("stackproof.hosts.services").joinpath("asking_program.py"))
        where = [network.address(source, target), str(port)]
        counts = [str(standing), str(new), str(slow)]
        self._read, self._known = 0, list[Answer]()
        self.process = network.start(source, ["python3", "-I", program, *where, *counts], log=self._log)

    def answers(self) -> list[Answer]:
        """All so far."""
        with self._log.open("rb") as stream:
            stream.seek(self._read)
            new, _, _ = stream.read().rpartition(b"\n")  # the last line may be being written
        self._read += len(new) + bool(new)
        self._known += map(_answer, new.decode().splitlines())
        return list(self._known)

    def wait_for(self, count: int = 20, *, release: str = "", patience: float = 60.0) -> list[Answer]:
        """Until so many more answers came (of that release); returns them. ``BackendError`` if not."""
        before, end = len(self.answers()), time.monotonic() + patience
        while time.monotonic() < end and self.process.poll() is None:
            new = self.answers()[before:]
            if len([one for one in new if not release or one.release == release]) >= count:
                return new
            time.sleep(0.02)
        got = self.answers()[before:]
        what = f"{count} answers {release}".rstrip()
        raise BackendError(f"{what} did not come within {patience:g} s but {len(got)}: {got[-2:]}")

    def stop(self) -> list[Answer]:
        """No new request is made, those that were begun are answered; returns all."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired as error:
                raise BackendError("clients wait for answers that do not come") from error
        return self.answers()


def _answer(line: str) -> Answer:
    told = json.loads(line)
    return Answer(**{name: value for name, value in told.items() if name not in {"path", "seconds"}})
