"""Tags of buses and rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stackproof.fabric.events import errors
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService


class Tags:
    """By the ARN of what is tagged."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self._table: dict[str, dict[str, str]] = {}
        self.operations: Mapping[str, Operation] = {
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list,
        }

    def set(self, arn: str, tags: Sequence[Mapping[str, str]] | None) -> None:
        """Add tags."""
        if tags:
            self._table.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def forget(self, arn: str) -> None:
        """The resource is gone."""
        self._table.pop(arn, None)

    def _known(self, arn: str) -> None:
        service = self._service
        if arn not in service.buses and arn not in service.rules:
            parts = arn.rsplit(":", 1)[-1].split("/")
            if parts[0] == "rule":
                on = parts[1] if len(parts) > 2 else "default"
                raise errors.not_found(f"Rule {parts[-1]} does not exist on EventBus {on}.")
            raise errors.not_found(f"Event bus {parts[-1]} does not exist.")

    def tag(self, params: Params, caller: Caller) -> Response:
        """Add or change tags."""
        self._known(params["ResourceARN"])
        self.set(params["ResourceARN"], params["Tags"])
        return {}

    def untag(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        self._known(params["ResourceARN"])
        for key in params["TagKeys"]:
            self._table.get(params["ResourceARN"], {}).pop(key, None)
        return {}

    def list(self, params: Params, caller: Caller) -> Response:
        """The tags of a resource."""
        self._known(params["ResourceARN"])
        found = self._table.get(params["ResourceARN"], {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in found.items()]}

    def snapshot(self) -> Any:
        """A copy."""
        return {arn: dict(tags) for arn, tags in self._table.items()}

    def restore(self, state: Any) -> None:
        """Back to a copy."""
        self._table = {arn: dict(tags) for arn, tags in state.items()}
