"""``Ref`` and ``Fn::GetAtt``: parameters, pseudo parameters, resources and outputs of nested stacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof import schemas
from stackproof.model import DocPath
from stackproof.template import physical
from stackproof.template.model import ABSENT, Choice, Unknown
from stackproof.template.resolve_scope import Scope
from stackproof.template.unknowns import lift, text_of, without, written

if TYPE_CHECKING:
    from stackproof.template.evaluate import Evaluator

NESTED_TYPES = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")


def module_of(name: str, resources: Mapping[str, Any]) -> str:
    """The logical id of the module (type ``…::MODULE``) that a resource of this name may stand in, or "".

    Its logical id begins with that of the module (CloudFormation user guide, "Using modules to encapsulate
    and reuse resource configurations": referencing resources in a module).
    """
    kinds = {one: item.get("Type") for one, item in resources.items() if isinstance(item, dict)}
    return next(
        (one for one in kinds if name.startswith(one) and text_of(kinds[one]).endswith("::MODULE")), ""
    )


class References:
    """Resolves references of one scope; a circle of them is reported and ends as unknown."""

    def __init__(self, scope: Scope, evaluator: Evaluator) -> None:
        self._scope = scope
        self._evaluator = evaluator
        self._open: list[tuple[str, str]] = []

    def ref(self, target: Any, path: DocPath) -> Any:
        """``Ref``: ``target`` is a name (or an expression for one, with the language extensions)."""
        if not isinstance(target, str):
            target = self._evaluator.argument(target, path)
            if isinstance(target, Unknown | Choice):
                return Unknown(
                    {"Ref": written(target)}, "the name that it refers to is unknown", may_be_empty=True
                )
        if not isinstance(target, str):
            message = "Ref takes the name of a parameter or a resource"
            return self._scope.invalid("SP-RESOLVE-SHAPE", message, path, {"Ref": target})
        if target in physical.PSEUDO:
            self._scope.use(f"pseudo:{target}")
            known = self._scope.live.pseudo(target) if self._scope.live else ABSENT
            return physical.pseudo(target, self._scope.configuration) if known is ABSENT else known
        if target in self._scope.values:
            return self._parameter(target)
        resource = self._scope.section("Resources").get(target)
        if not isinstance(resource, dict):
            return self._dangling("Ref", target, path, {"Ref": target})
        if not self._exists(target, resource, path):
            return Unknown({"Ref": target}, f"{target} is not created", generated=True, sources=(target,))
        known = self._scope.live.reference(target) if self._scope.live else ABSENT
        if known is not ABSENT:
            return known
        kind = text_of(resource.get("Type"))
        return physical.reference(
            target, kind, self._named(target, resource, kind), self._scope.configuration
        )

    def _parameter(self, name: str) -> Any:
        scope = self._scope
        scope.use(f"parameter:{name}")
        if self._evaluator.deciding and name in scope.secret:
            return scope.secret[name]
        value = scope.values[name]
        if isinstance(value, Unknown):
            if name in scope.assumed.equals:
                return scope.assumed.equals[name]
            for other in scope.assumed.differs.get(name, ()):
                value = without(value, other) if isinstance(value, Unknown) else value
        return value

    def _dangling(self, function: str, target: str, path: DocPath, expression: Any) -> Unknown:
        module = module_of(target, self._scope.section("Resources"))
        if module:
            return Unknown(expression, f"{module} is a module: what it holds is not known", generated=True)
        rule = "SP-RESOLVE-REF" if function == "Ref" else "SP-RESOLVE-GETATT"
        wanted = "parameter or resource" if function == "Ref" else "resource"
        return self._scope.invalid(
            rule, f"{function} to '{target}': there is no such {wanted}", path, expression, "correct the name"
        )

    def _exists(self, logical_id: str, resource: dict[str, Any], path: DocPath) -> bool:
        """Whether the resource is created; a reference to one that is not refuses the deploy."""
        condition = resource.get("Condition")
        if not isinstance(condition, str):
            return True
        truth = self._evaluator.conditions.named(condition, ("Resources", logical_id, "Condition"))
        if truth is False and not self._evaluator.deciding:
            self._scope.report(
                "SP-RESOLVE-REMOVED",
                f"'{logical_id}' is referred to, but its condition '{condition}' is false here:"
                " the resource does not exist and the deploy is refused",
                path,
                fix=f"put the reference into an Fn::If over '{condition}'",
            )
        return truth is not False

    def _named(self, logical_id: str, resource: dict[str, Any], kind: str) -> dict[str, Any]:
        properties = resource.get("Properties")
        if not isinstance(properties, dict):
            return {}
        found: dict[str, Any] = {}
        for name in physical.naming(kind):
            if name in properties:
                value = self._property(logical_id, name, properties[name])
                if value is not ABSENT:
                    found[name] = value
        return found

    def _property(self, logical_id: str, name: str, node: Any) -> Any:
        """The value of another resource's property, unknown when it needs itself."""
        if (logical_id, name) in self._open:
            return Unknown({"Fn::GetAtt": [logical_id, name]}, "it refers to itself", generated=True)
        self._open.append((logical_id, name))
        try:
            return self._evaluator.argument(node, ("Resources", logical_id, "Properties", name))
        finally:
            self._open.pop()

    def getatt(self, arguments: Any, path: DocPath) -> Any:
        """``Fn::GetAtt`` in both forms, ``Id.Attribute`` and ``[Id, Attribute]``."""
        if isinstance(arguments, str):
            parts: list[Any] = list(arguments.split(".", 1))
        elif isinstance(arguments, list):
            parts = [self._evaluator.argument(item, (*path, i)) for i, item in enumerate(arguments)]
        else:
            parts = []
        expression = {"Fn::GetAtt": written(parts) if parts else arguments}
        if len(parts) < 2 or any(isinstance(part, dict | list) for part in parts):
            message = "Fn::GetAtt takes a resource's name and an attribute"
            return self._scope.invalid("SP-RESOLVE-SHAPE", message, path, {"Fn::GetAtt": arguments})
        return lift(parts, lambda known: self._getatt(known, path, expression), expression)

    def _getatt(self, parts: list[Any], path: DocPath, expression: Any) -> Any:
        if any(isinstance(part, Unknown) for part in parts) or len(parts) < 2:
            return Unknown(expression, "what it refers to is unknown", may_be_empty=True)
        target, name = text_of(parts[0]), ".".join(text_of(part) for part in parts[1:])
        resource = self._scope.section("Resources").get(target)
        if not isinstance(resource, dict):
            return self._dangling("Fn::GetAtt", target, path, expression)
        if not self._exists(target, resource, path):
            return Unknown(expression, f"{target} is not created", generated=True, sources=(target,))
        known = self._scope.live.attribute(target, name) if self._scope.live else ABSENT
        if known is not ABSENT:
            return known
        kind = text_of(resource.get("Type"))
        properties = resource.get("Properties")
        properties = properties if isinstance(properties, dict) else {}
        if kind in NESTED_TYPES and name.startswith("Outputs."):
            return self._output(target, properties, name.removeprefix("Outputs."), path)
        named = self._named(target, resource, kind)
        value = physical.attribute(target, kind, name, named, self._scope.configuration)
        if isinstance(value, Unknown) and name in properties and _mirrors(kind, name):
            given = self._property(target, name, properties[name])
            return value if given is ABSENT else given
        return value

    def _output(self, target: str, properties: dict[str, Any], name: str, path: DocPath) -> Any:
        expression = {"Fn::GetAtt": [target, f"Outputs.{name}"]}
        source = (f"{target}.Outputs.{name}",)
        unknown = Unknown(
            expression,
            f"is an output of the nested stack {target}",
            "string",
            may_be_empty=True,
            sources=source,
        )
        if self._scope.nested is None:
            return unknown
        if (target, "") in self._open:
            chain = [item for item, _ in self._open]
            circle = " → ".join(dict.fromkeys([*chain[chain.index(target) :]])) + f" → {target}"
            self._scope.report("SP-RESOLVE-CYCLE", f"nested stacks need each other's outputs: {circle}", path)
            return unknown
        self._open.append((target, ""))
        try:
            resolved = self._evaluator.argument(properties, ("Resources", target, "Properties"))
        finally:
            self._open.pop()
        outputs = self._scope.nested(target, resolved if isinstance(resolved, Mapping) else {})
        if outputs is None:
            return unknown
        if name not in outputs:
            known = ", ".join(sorted(outputs)) or "none"
            return self._scope.invalid(
                "SP-NEST-OUTPUT",
                f"the nested stack '{target}' has no output '{name}'; its outputs are: {known}",
                path,
                expression,
                "add the output to the child template or correct the name",
            )
        return unknown if outputs[name] is ABSENT else outputs[name]


def _mirrors(kind: str, name: str) -> bool:
    """Whether an attribute is a property that the template sets, not one that the service answers."""
    found = schemas.schema(kind)
    if found is None or name not in found.get("properties", {}):
        return False
    return name not in schemas.read_only(kind)
