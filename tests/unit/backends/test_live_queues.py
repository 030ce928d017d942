"""The endpoint's queues stand in for the fabric's: they have the same face to those who poll."""

from __future__ import annotations

import inspect

import pytest

from stackproof.backends.live.queues import LiveQueues
from stackproof.fabric.sqs.service import SqsService

_FACE = sorted(
    name
    for name in vars(SqsService)
    if name in ("queue", "watch", "unwatch", "deliver", "snapshot", "restore") or name.endswith("_raw")
)


@pytest.mark.parametrize("name", _FACE)
def test_what_pollers_call_is_the_same(name: str) -> None:
    theirs = inspect.signature(getattr(SqsService, name)).parameters
    ours = inspect.signature(getattr(LiveQueues, name)).parameters
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]
