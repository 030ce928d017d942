"""Copies of moto's state that cost milliseconds: what is large and does not change is shared.

``copy.deepcopy`` of everything takes tens of milliseconds for a thousand items. Before it runs, its memo
gets cheap copies of the containers that grow: items of tables (shared; an item that is updated in place is
replaced by its copy first), records of streams, objects of buckets (sharing their bytes), events of logs.
"""

from __future__ import annotations

import _thread
import copy
import threading
from collections import defaultdict
from io import BytesIO
from typing import Any

_LOCKS = (type(_thread.allocate_lock()), type(_thread.RLock()))
_updating: list[bool] = []


def shared(holder: Any, accounts: dict[str, Any], memo: dict[int, Any]) -> None:
    """Put the cheap copies of what a ``BackendDict`` holds into a deepcopy's memo."""
    fill = _FILLS.get(getattr(holder, "service_name", ""))
    for regions in accounts.values():
        for backend in dict.values(regions):
            # A lock (ECR has one) cannot be copied, and guards nothing here: one task runs at a time.
            memo.update((id(value), value) for value in vars(backend).values() if type(value) in _LOCKS)
            if fill is not None:
                fill(backend, memo)


def _tables(backend: Any, memo: dict[int, Any]) -> None:
    _own_items()
    for table in backend.tables.values():
        items = table.items
        pairs = items.items()
        own = {key: dict(value) for key, value in pairs} if table.has_range_key else items
        memo[id(items)] = defaultdict(dict, own)
        shard = table.stream_shard
        if shard is not None:
            memo[id(shard.items)] = list(shard.items)


def _own_items() -> None:
    """Let moto update a copy of an item: the item itself may be part of snapshots."""
    from moto.dynamodb.models import DynamoDBBackend
    from moto.dynamodb.models.table import Table

    backend: Any = DynamoDBBackend
    table: Any = Table
    if getattr(backend, "_stackproof_own_items", False):
        return
    update_item, get_item = backend.update_item, table.get_item

    def update(self: Any, *args: Any, **kwargs: Any) -> Any:
        _updating.append(True)
        try:
            return update_item(self, *args, **kwargs)
        finally:
            _updating.pop()

    def get(self: Any, hash_key: Any, range_key: Any = None, *args: Any, **kwargs: Any) -> Any:
        found = get_item(self, hash_key, range_key, *args, **kwargs)
        if not _updating or found is None or args or kwargs:
            return found
        own = copy.deepcopy(found)
        if range_key:
            self.items[hash_key][range_key] = own
        else:
            self.items[hash_key] = own
        return own

    backend.update_item, table.get_item = update, get
    backend._stackproof_own_items = True


def _buckets(backend: Any, memo: dict[int, Any]) -> None:
    for bucket in backend.buckets.values():
        store = bucket.keys
        own = type(store)()
        for name, versions in dict.items(store):
            dict.__setitem__(own, name, [_object(version, memo) for version in versions])
        memo[id(store)] = own


def _object(version: Any, memo: dict[int, Any]) -> Any:
    """A copy of a version of an object; what is no whole object is copied the long way."""
    if not hasattr(version, "_value_buffer") or version.multipart is not None or version.disposed:
        return copy.deepcopy(version, memo)
    twin = object.__new__(type(version))
    state = dict(version.__dict__)
    state["_metadata"] = copy.copy(version._metadata)
    state["_value_buffer"] = BytesIO(version.value)
    state["lock"] = threading.Lock()
    twin.__dict__.update(state)
    memo[id(version)] = twin
    return twin


def _groups(backend: Any, memo: dict[int, Any]) -> None:
    for group in backend.groups.values():
        for stream in group.streams.values():
            memo[id(stream.events)] = list(stream.events)


def _parameters(backend: Any, memo: dict[int, Any]) -> None:
    """SSM's parameters stand in a defaultdict that ``copy`` cannot make again."""
    kept = backend._parameters
    own = type(kept)(kept.account_id, kept.region_name)
    own.__dict__.update(kept.__dict__)
    memo[id(kept)] = own
    for name, versions in dict.items(kept):
        dict.__setitem__(own, name, copy.deepcopy(versions, memo))


_FILLS = {"dynamodb": _tables, "s3": _buckets, "logs": _groups, "ssm": _parameters}
