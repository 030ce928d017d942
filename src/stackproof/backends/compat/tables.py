"""Hooks into moto's tables: what a call changes in a table that has a stream, or that is followed.

moto tells its ``StreamShard`` of every change, by whatever call it came; a table without one tells nobody
and pays nothing. The changes of one call are collected here until it succeeded.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from typing import Any

from stackproof.fabric.dynamodb.change import Change

changes: list[tuple[Any, Any, Any]] = []
"""(moto's table, its item before or None, its item now or None), in order, of the call under way."""

_FOLLOWED = "_stackproof_followed"


def _add(shard: Any, old: Any, new: Any) -> None:
    changes.append((shard.table, old, new))


@cache
def install() -> None:
    """Let moto's stream shards tell ``changes``, and give each stream of a table a label of its own.

    moto keeps the label of a stream that was switched off and then refuses another; here it lets go.
    """
    from moto.dynamodb.models import table as models

    shard: Any = models.StreamShard
    table: Any = models.Table
    shard.add = _add
    original = table.set_stream_specification

    def set_stream_specification(self: Any, streams: Any) -> None:
        before = getattr(self, "_stackproof_label", None)
        original(self, streams)
        if self.stream_specification["StreamEnabled"]:
            self.latest_stream_label = self._stackproof_label = _label(self.latest_stream_label, before)
        else:
            self.latest_stream_label = self.stream_shard = None
            if getattr(self, _FOLLOWED, False):
                self.stream_shard = shard(self.account_id, self)

    table.set_stream_specification = set_stream_specification


def follow(account: str, region: str, name: str, on: bool) -> None:
    """Let a table tell of its changes whether it has a stream or not, or no longer."""
    from moto.dynamodb.models import dynamodb_backends
    from moto.dynamodb.models.table import StreamShard

    table: Any = dynamodb_backends[account][region].tables.get(name)
    if table is None:
        return
    setattr(table, _FOLLOWED, on)
    if not table.stream_specification["StreamEnabled"]:
        table.stream_shard = StreamShard(account, table) if on else None


def _label(now: str, before: str | None) -> str:
    """The time with milliseconds, as AWS writes labels; a later one than ``before``."""
    from datetime import datetime, timedelta

    moment = datetime.fromisoformat(now)
    if before is not None:
        moment = max(moment, datetime.fromisoformat(before) + timedelta(milliseconds=1))
    return moment.isoformat(timespec="milliseconds")


def taken() -> list[Change]:
    """The changes of the call, one for each item (from what it was to what it is); none are left."""
    found: dict[Any, tuple[Any, Any, Any]] = {}
    for table, old, new in changes:
        item = new if new is not None else old
        place = (table.table_arn, item.hash_key, item.range_key)
        first = found.get(place)
        found[place] = (table, old if first is None else first[1], new)
    changes.clear()
    return [_change(*one) for one in found.values() if one[1] is not None or one[2] is not None]


def _change(table: Any, old: Any, new: Any) -> Change:
    keys: Sequence[str | None] = (table.hash_key_attr, table.range_key_attr)
    enabled = table.stream_specification["StreamEnabled"]
    return Change(
        table.table_arn,
        f"{table.table_arn}/stream/{table.latest_stream_label}" if enabled else "",
        table.stream_specification["StreamViewType"] if enabled else "",
        tuple(key for key in keys if key),
        _image(old),
        _image(new),
    )


def _image(item: Any) -> dict[str, Any] | None:
    if item is None:
        return None
    return {name: {value.type: _content(value.type, value.value)} for name, value in item.attrs.items()}


def _content(kind: str, content: Any) -> Any:
    if kind == "B":
        return _binary(content)
    if kind == "BS":
        return [_binary(one) for one in content]
    if kind == "M":
        return {name: {one.type: _content(one.type, one.value)} for name, one in content.items()}
    if kind == "L":
        return [{one.type: _content(one.type, one.value)} for one in content]
    return list(content) if isinstance(content, list) else content


def _binary(content: Any) -> bytes:
    """moto keeps what came over the wire as base64 text, and what came straight as bytes."""
    return base64.b64decode(content) if isinstance(content, str) else bytes(content)
