"""The values of a template while it deploys: properties and outputs with everything known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stackproof.deploy.handler import Refused
from stackproof.deploy.model import Resource
from stackproof.deploy.view import View
from stackproof.template.deploying import Deploying
from stackproof.template.model import ABSENT
from stackproof.template.unknowns import text_of, unknowns

if TYPE_CHECKING:
    from stackproof.deploy.run import Context

_POLICIES = ("DeletionPolicy", "UpdateReplacePolicy")


class Exported(Mapping[str, Any]):
    """The exports of the world's stacks; remembers which were asked for."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        found = self._known[name]
        self.asked.add(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class Values:
    """Resolves pieces of a blueprint; ``resources`` is the growing mapping of what is deployed."""

    def __init__(self, context: Context, resources: Mapping[str, Resource]) -> None:
        blueprint = context.blueprint
        self._exported = Exported(context.deployer.exports(context.place.stack))
        view = View(context.backend, context.place, resources)
        self._deploying = Deploying(blueprint.expanded, blueprint.configuration, view, self._exported)
        self.conditions = self._deploying.conditions
        self._check_parameters()

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters as they take part."""
        return self._deploying.parameters

    @property
    def imports(self) -> frozenset[str]:
        """The names of the exports that were imported."""
        return frozenset(self._exported.asked)

    def _check_parameters(self) -> None:
        missing = [name for name, value in self.parameters.items() if next(unknowns(value), None) is not None]
        if missing:
            raise Refused(f"Parameters: [{', '.join(missing)}] must have values")

    def resources(self) -> dict[str, str]:
        """The types of the resources that exist, by logical id."""
        found = self._deploying.section("Resources")
        return {name: str(node.get("Type", "")) for name, node in found.items() if isinstance(node, dict)}

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The properties of a resource. Raises ``Refused`` when one cannot be known."""
        value = self._known(("Resources", logical_id, "Properties"))
        return value if isinstance(value, dict) else {}

    def guess(self, logical_id: str) -> dict[str, Any]:
        """The properties as far as they can be known, for a change set."""
        value = self._deploying.value(("Resources", logical_id, "Properties"))
        self._deploying.complaints()
        return value if isinstance(value, dict) else {}

    def policies(self, logical_id: str) -> dict[str, str]:
        """Its DeletionPolicy and UpdateReplacePolicy, where it has them."""
        found: dict[str, str] = {}
        for name in _POLICIES:
            value = self._deploying.value(("Resources", logical_id, name))
            if isinstance(value, str):
                found[name] = value
        return found

    def _known(self, path: tuple[str, ...]) -> Any:
        value = self._deploying.value(path)
        complaints = self._deploying.complaints()
        for unknown in unknowns(value):
            reason = complaints[0] if complaints else f"{text_of(unknown.expression)} {unknown.reason}"
            raise Refused(_as_aws(unknown.expression, reason))
        return value

    def outputs(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Outputs and exports. Raises ``Refused``."""
        outputs: dict[str, Any] = {}
        exports: dict[str, Any] = {}
        for name in self._deploying.section("Outputs"):
            value = self._known(("Outputs", name, "Value"))
            outputs[name] = text_of(value) if isinstance(value, int | float | bool) else value
            export = self._known(("Outputs", name, "Export", "Name"))
            if export is not ABSENT:
                exports[text_of(export)] = outputs[name]
        return outputs, exports


def _as_aws(expression: Any, reason: str) -> str:
    if isinstance(expression, dict) and "Fn::ImportValue" in expression:
        return f"No export named {text_of(expression['Fn::ImportValue'])} found"
    if isinstance(expression, dict) and isinstance(expression.get("Fn::GetAtt"), list):
        target, *rest = expression["Fn::GetAtt"]
        return f"Requested attribute {'.'.join(map(str, rest))} of {target} is not known: {reason}"
    return reason
