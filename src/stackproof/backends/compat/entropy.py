"""Randomness for tasks: ``random``, ``os.urandom``, ``uuid`` and ``secrets`` draw from the world's seed."""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stackproof.fabric.ids import Ids
from stackproof.fabric.tasks import current

_real_urandom = os.urandom
_FUNCTIONS = (
    "betavariate", "choice", "choices", "expovariate", "gammavariate", "gauss", "getrandbits", "getstate",
    "lognormvariate", "normalvariate", "paretovariate", "randbytes", "randint", "random", "randrange",
    "sample", "seed", "setstate", "shuffle", "triangular", "uniform", "vonmisesvariate", "weibullvariate",
)  # fmt: skip

_sources: dict[int, Ids] = {}
_outside: list[bool] = []


def register(scheduler: object, ids: Ids) -> None:
    """Let the tasks of a scheduler draw from ``ids``."""
    _sources[id(scheduler)] = ids


def unregister(scheduler: object) -> None:
    """The scheduler's world is closed."""
    _sources.pop(id(scheduler), None)


@contextmanager
def outside() -> Iterator[None]:
    """What happens inside draws from the machine, also in a task: what a process does once and for all."""
    _outside.append(True)
    try:
        yield
    finally:
        _outside.pop()


def _source() -> Ids | None:
    task = None if _outside else current()
    return None if task is None else _sources.get(id(task.scheduler))


def _urandom(size: int, /) -> bytes:
    source = _source()
    return _real_urandom(size) if source is None else source.bytes(size)


def _dispatch(name: str) -> Callable[..., Any]:
    real = getattr(random, name)

    def shim(*args: Any, **kwargs: Any) -> Any:
        source = _source()
        chosen = real if source is None else getattr(source.random, name)
        return chosen(*args, **kwargs)

    shim.__name__ = name
    return shim


def _uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    source = _source()
    if source is None:
        return _real_uuid1(node, clock_seq)
    return uuid.UUID(int=source.random.getrandbits(128), version=1)


_real_uuid1 = uuid.uuid1
_real_seed = random.Random.seed


def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    """A generator without a seed of its own (``random.Random()``) is seeded from the world's."""
    source = _source() if a is None else None
    _real_seed(self, source.random.getrandbits(256) if source is not None else a, version)


def install() -> None:
    """Put the shims in place (idempotent)."""
    if os.urandom is _urandom:
        return
    os.urandom = _urandom
    random._urandom = _urandom  # type: ignore[attr-defined]
    uuid.uuid1 = _uuid1
    generator: Any = random.Random
    generator.seed = _seed
    for name in _FUNCTIONS:
        setattr(random, name, _dispatch(name))
