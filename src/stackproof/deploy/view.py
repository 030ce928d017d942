"""What a deployment knows while it runs: ``template.live.Live`` over the resources made so far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof import schemas
from stackproof.deploy.handler import Refused
from stackproof.deploy.handlers import emulated
from stackproof.deploy.model import Place, Resource
from stackproof.deploy.names import suffix
from stackproof.template.model import ABSENT

if TYPE_CHECKING:
    from stackproof.backends.base import Backend

_ZONES = "abc"


class View:
    """``resources`` grows while the stack deploys; ``hidden`` are ids whose value is not settled yet."""

    def __init__(self, backend: Backend, place: Place, resources: Mapping[str, Resource]) -> None:
        self._backend = backend
        self._place = place
        self.resources = resources

    def pseudo(self, name: str) -> Any:
        """Every pseudo parameter but AWS::NoValue."""
        place = self._place
        known: dict[str, Any] = {
            "AWS::Region": place.region,
            "AWS::AccountId": place.account,
            "AWS::Partition": place.partition,
            "AWS::URLSuffix": "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com",
            "AWS::StackName": place.stack,
            "AWS::StackId": place.stack_id,
            "AWS::NotificationARNs": [],
        }
        return known.get(name, ABSENT)

    def reference(self, logical_id: str) -> Any:
        """The physical id."""
        found = self.resources.get(logical_id)
        return ABSENT if found is None else found.physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        """What the handler answered, else the property of that name, else an invention for a stub."""
        found = self.resources.get(logical_id)
        if found is None:
            return ABSENT
        if name in found.attributes:
            return found.attributes[name]
        value = _at(found.attributes, name)
        if value is ABSENT and name in found.properties and schemas.attribute(found.type, name) is not None:
            value = found.properties[name]
        if value is ABSENT and not emulated(found.type):
            value = suffix(self._place.stack_id, logical_id, name).lower()
        return value

    def zones(self, region: str) -> list[str]:
        """Three zones."""
        return [f"{region}{zone}" for zone in _ZONES]

    def stored(self, name: str) -> str:
        """GetParameter."""
        client = self._backend.client("ssm", region=self._place.region)
        return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])

    def dynamic(self, reference: str) -> str:
        """``{{resolve:ssm:…}}``, ``ssm-secure`` and ``secretsmanager``. Raises ``Refused``."""
        _, service, rest = reference.strip("{} ").split(":", 2)
        if service in {"ssm", "ssm-secure"}:
            return self.stored(rest)
        return self._secret(rest, reference)

    def _secret(self, rest: str, reference: str) -> str:
        parts = rest.split(":")
        length = 7 if rest.startswith("arn:") else 1
        secret, parts = ":".join(parts[:length]), [*parts[length:], "", "", "", ""]
        params = {"SecretId": secret, "VersionStage": parts[2], "VersionId": parts[3]}
        client = self._backend.client("secretsmanager", region=self._place.region)
        answer = client.get_secret_value(**{key: value for key, value in params.items() if value})
        text = str(answer.get("SecretString", ""))
        if not parts[1]:
            return text
        try:
            return str(json.loads(text)[parts[1]])
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(
                f"Could not find a value associated with JSONKey in SecretString: {reference}"
            ) from error


def _at(attributes: Mapping[str, Any], name: str) -> Any:
    """A nested attribute by its dotted name."""
    node: Any = attributes
    for part in name.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return ABSENT
        node = node[part]
    return node
