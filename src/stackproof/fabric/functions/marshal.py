"""The response of a Python handler as JSON, the way the runtime writes it."""

from __future__ import annotations

import decimal
import json
import re
from typing import Any

_RAW = re.compile(r'"\\u0000decimal:([^"]*)\\u0000"')


def encode(result: Any) -> bytes:
    """JSON; a Decimal becomes a number. Raises TypeError or ValueError for what is no JSON."""
    if result is None:  # most handlers of events
        return b"null"
    try:
        return json.dumps(result, ensure_ascii=False).encode()
    except (TypeError, UnicodeEncodeError):
        text = json.dumps(result, default=_default)
    return _RAW.sub(lambda match: match.group(1), text).encode()


def _default(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return float("nan") if value.is_nan() else f"\0decimal:{value}\0"
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
