"""A world on the embedded backend."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stackproof.backends.embedded import EmbeddedBackend
from stackproof.fabric.tasks import Task


@pytest.fixture
def backend() -> Iterator[EmbeddedBackend]:
    with EmbeddedBackend(seed=1) as active:
        yield active


@pytest.fixture
def world(backend: EmbeddedBackend) -> Any:
    return backend.world


@pytest.fixture
def start(world: Any) -> Callable[..., Task]:
    """Start a task that runs a function as an invocation (or as ``kind``)."""

    def begin(fn: Callable[[], Any], name: str = "task", **options: Any) -> Task:
        identity = world.caller(actor=name)
        return world.scheduler.spawn(Task(world.scheduler, name, fn, identity=identity, **options))

    return begin
