"""Lists in pages of a hundred."""

from __future__ import annotations

import base64
from typing import Any

from stackproof.fabric.service import Params, Response

_SIZE = 100


def page(items: list[Any], params: Params, key: str) -> Response:
    """One page; the token names where the next one begins."""
    start = int(base64.b64decode(params["NextToken"])) if params.get("NextToken") else 0
    response: Response = {key: items[start : start + _SIZE]}
    if start + _SIZE < len(items):
        response["NextToken"] = base64.b64encode(str(start + _SIZE).encode()).decode()
    return response
