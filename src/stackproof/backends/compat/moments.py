"""The times of a request as the fabric takes them: aware datetimes.

boto3 takes text and numbers for a time as well, and botocore's serializer turns them all into one time
before it sends them. A call that never is sent needs the same.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any


def moments(params: Any, shape: Any) -> Any:
    """``params``, which botocore's validator took, with every time of the model as an aware datetime.

    What holds no time is handed back as it is.
    """
    if shape is None or params is None:
        return params
    kind = shape.type_name
    if kind == "timestamp":
        from botocore.utils import parse_to_aware_datetime

        return parse_to_aware_datetime(params).astimezone(UTC)
    if kind == "structure" and isinstance(params, dict) and not shape.is_document_type:
        known = shape.members
        return _changed(
            params,
            {name: moments(value, known[name]) for name, value in params.items() if name in known},
        )
    if kind == "list":
        made = [moments(value, shape.member) for value in params]
        return made if any(one is not other for one, other in zip(made, params, strict=True)) else params
    if kind == "map":
        return _changed(params, {name: moments(value, shape.value) for name, value in params.items()})
    return params


def _changed(before: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    changes = {name: value for name, value in made.items() if value is not before[name]}
    return {**before, **changes} if changes else before
