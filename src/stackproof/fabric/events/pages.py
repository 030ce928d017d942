"""Lists in pages."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from stackproof.fabric.service import Params, Response


def page(items: Sequence[Any], params: Params, key: str, *, size: str = "Limit", most: int = 100) -> Response:
    """One page of at most ``params[size]`` items; the token names where the next one begins."""
    start = int(base64.b64decode(params["NextToken"])) if params.get("NextToken") else 0
    end = start + min(int(params.get(size) or most), most)
    response: Response = {key: list(items[start:end])}
    if end < len(items):
        response["NextToken"] = base64.b64encode(str(end).encode()).decode()
    return response
