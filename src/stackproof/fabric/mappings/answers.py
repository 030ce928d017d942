"""What a function's answer says about the records of its batch."""

from __future__ import annotations

import json
from collections.abc import Sequence


def failed(payload: bytes, identifiers: Sequence[str]) -> frozenset[str]:
    """The identifiers of a batch that a ``ReportBatchItemFailures`` answer names as failed.

    All of them when the answer is malformed; none when it is null or empty, an empty list or text too
    (developer guide, "Success and failure conditions"; recorded).
    """
    everything = frozenset(identifiers)
    try:
        answer = json.loads(payload) if payload else None
    except ValueError:
        return everything
    if answer in (None, "", [], {}):
        return frozenset()
    if not isinstance(answer, dict):
        return everything
    entries = answer.get("batchItemFailures")
    if entries is None:
        return frozenset()
    if not isinstance(entries, list):
        return everything
    named = [entry.get("itemIdentifier") if isinstance(entry, dict) else None for entry in entries]
    if any(not isinstance(name, str) or name not in everything for name in named):
        return everything
    return frozenset(name for name in named if name is not None)
