"""Times measured on a simulated rig while the same machine builds images and makes other checks.

A rig has processors of its own; its simulation shares them. For as long as a time is measured the processes
of the rig's kernel get a real-time priority (sched(7)), so that nothing of the ordinary policies holds them
up. Where the kernel does not permit that (EPERM: no CAP_SYS_NICE, or a control group without real time), a
measurement waits until no image is being built, and no build begins before it is over.

Nobody waits for itself: a measurement builds nothing, a build measures nothing. Nobody waits in a circle: who
holds ``building.lock`` asks for no other lock, who holds one of ``turns`` asks for that one only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stackproof.hosts.locks import LOOK, builds, one_of, opened, taken

if TYPE_CHECKING:
    from stackproof.hosts.model import Running

PATIENCE: Final = 900.0
"""How long a measurement without real time waits for builds at most, in seconds: as long as one may take."""

_PRIORITY: Final = 10


@contextmanager
def undisturbed(running: Running, cache: Path, patience: float = PATIENCE) -> Iterator[str]:
    """Measure the times of a rig in this block: as many rigs of a cache at once as there are processors.

    Gives what may have disturbed it nevertheless, in words; empty for nothing. A rig that is no simulation of
    this machine (its ``paths`` name no ``pid``) is neither changed nor waited for.
    """
    if "pid" not in running.paths:
        yield ""
        return
    with one_of(turns(cache)):
        try:
            session = os.getsid(int(Path(running.paths["pid"]).read_text(encoding="ascii")))
        except (OSError, ValueError):
            session = 0  # its kernel is gone: whoever measures will hear so
        try:
            ahead = _schedule(session, os.SCHED_RR, _PRIORITY)
            if ahead:
                yield ""
                return
        finally:
            _schedule(session, os.SCHED_OTHER, 0)
        with _no_build(cache, patience) as reason:
            yield reason


def turns(cache: Path) -> Sequence[Path]:
    """The lock files of measurements: one for each processor, as no more rigs have one for themselves."""
    return [cache / f"measuring-{number}.lock" for number in range(len(os.sched_getaffinity(0)))]


@contextmanager
def _no_build(cache: Path, patience: float) -> Iterator[str]:
    end = time.monotonic() + patience
    with opened(builds(cache)) as stream:
        while not (alone := taken(stream)) and time.monotonic() < end:
            time.sleep(LOOK)
        yield "" if alone else "measured while images were built, without a real-time priority"


def _schedule(session: int, policy: int, priority: int) -> bool:
    """Give all threads of a session of processes a policy; False when the kernel does not permit it.

    A thread may begin another one while this looks: it looks until there is none that it has not seen.
    """
    seen: set[int] = set()
    while new := _threads(session) - seen:
        for thread in new:
            try:
                os.sched_setscheduler(thread, policy, os.sched_param(priority))
            except PermissionError:
                return False
            except ProcessLookupError:
                pass
        seen |= new
    return True


def _threads(session: int) -> set[int]:
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*") if session else ():
        try:
            if os.getsid(int(process.name)) == session:
                found |= {int(thread.name) for thread in (process / "task").iterdir()}
        except OSError:
            continue
    return found
