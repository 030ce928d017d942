"""A service that the endpoint answers wholly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackproof.fabric.service import Operation


class PassedThrough:
    """It owns no operation, so that every call goes to the endpoint."""

    operations: Mapping[str, Operation] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    def snapshot(self) -> Any:
        """Nothing is kept here."""
        return None

    def restore(self, state: Any) -> None:
        """Nothing is kept here."""
