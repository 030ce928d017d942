"""One template in one world: its resources, and which of them a value points at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stackproof.model import DocPath
from stackproof.template.model import Resolved, Unknown
from stackproof.template.physical import attribute, reference
from stackproof.template.unknowns import equal

_DEPLOYMENT = frozenset({"AWS::Partition", "AWS::Region", "AWS::AccountId", "AWS::URLSuffix"})
_REF_IS_ARN = frozenset(
    {
        "AWS::SNS::Topic",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Version",
        "AWS::StepFunctions::StateMachine",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::TargetGroup",
    }
)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the template; ``properties`` holds no ``Choice``, its leaves may be ``Unknown``."""

    id: str
    type: str
    properties: Mapping[str, Any]
    path: DocPath

    def at(self, *steps: str | int) -> DocPath:
        """The path of a property; of the longest part of it that exists, else of the resource."""
        path: DocPath = (*self.path, "Properties")
        node: Any = self.properties
        for position, step in enumerate(steps):
            exists = (isinstance(node, Mapping) and step in node) or (
                isinstance(node, list) and isinstance(step, int) and step < len(node)
            )
            if not exists:
                return path if position else self.path
            node = node[step]
            path = (*path, step)
        return path

    def get(self, *steps: str) -> Any:
        """The value of a property, None when it is absent; the ``Unknown`` on the way to it, if any."""
        node: Any = self.properties
        for step in steps:
            if isinstance(node, Unknown):
                return node
            node = node.get(step) if isinstance(node, Mapping) else None
        return node


class Stack:
    """The resources of one resolved template with every unknown condition decided one way."""

    def __init__(self, resolved: Resolved, tree: Mapping[str, Any]) -> None:
        self.resolved = resolved
        self.tree = tree

    @cached_property
    def resources(self) -> dict[str, Resource]:
        """The resources by logical id, in the template's order."""
        found = {}
        section = self.tree.get("Resources")
        for key, body in section.items() if isinstance(section, Mapping) else ():
            if not isinstance(body, Mapping) or not isinstance(body.get("Type"), str):
                continue
            properties = body.get("Properties")
            found[str(key)] = Resource(
                str(key),
                str(body["Type"]),
                properties if isinstance(properties, Mapping) else {},
                ("Resources", str(key)),
            )
        return found

    def of(self, *types: str) -> Iterator[Resource]:
        """The resources of the given types."""
        return (resource for resource in self.resources.values() if resource.type in types)

    def target(self, value: Any, *types: str) -> Resource | None:
        """The resource that a name, URL or ARN certainly means, None when it is another or unknown."""
        named = self._named(value)
        if named is not None:
            return named if not types or named.type in types else None
        if not isinstance(value, str | Unknown) or value == "":
            return None
        for resource in self.of(*types) if types else self.resources.values():
            if self.means(value, resource):
                return resource
        return None

    def means(self, value: Any, resource: Resource) -> bool | None:
        """Whether a name, URL or ARN is this resource's; None when it hangs on something unknown."""
        named = self._named(value)
        if named is not None:
            return named.id == resource.id
        answers = [_same(value, own) for own in self._identities(resource)]
        if True in answers:
            return True
        return None if None in answers else False

    def arn(self, resource: Resource) -> Any:
        """The ARN of a resource as far as it can be known."""
        return self._identities(resource)[-1]

    def _named(self, value: Any) -> Resource | None:
        """The resource that an unknown refers to by its expression."""
        if not isinstance(value, Unknown) or not isinstance(value.expression, Mapping):
            return None
        if len(value.expression) != 1:
            return None
        ((function, argument),) = value.expression.items()
        if function == "Fn::GetAtt":
            argument = (
                argument.split(".")[0] if isinstance(argument, str) else next(iter(listed(argument)), None)
            )
        elif function != "Ref":
            return None
        return self.resources.get(argument) if isinstance(argument, str) else None

    def _identities(self, resource: Resource) -> tuple[Any, ...]:
        """``Ref`` and the ARN of a resource."""
        configuration = self.resolved.configuration
        ref = reference(resource.id, resource.type, resource.properties, configuration)
        if resource.type in _REF_IS_ARN:
            return (ref,)
        return ref, attribute(resource.id, resource.type, "Arn", resource.properties, configuration)


def _same(value: Any, own: Any) -> bool | None:
    if isinstance(value, Unknown) and isinstance(own, Unknown):
        if value.expression == own.expression:
            return True
        if value.pattern and value.pattern == own.pattern and value.sources == own.sources:
            return None if own.generated else True
    elif isinstance(value, str) and _fits_anywhere(value, own):
        return True
    if not isinstance(value, str | Unknown):
        return False
    return equal(value, own)


def _fits_anywhere(value: str, own: Any) -> bool:
    """A literal region or account in an ARN is right wherever the template can be deployed at all."""
    if not isinstance(own, Unknown) or not own.pattern or not set(own.sources) <= _DEPLOYMENT:
        return False
    return re.fullmatch(own.pattern, value) is not None


def listed(value: Any) -> list[Any]:
    """A value that may stand alone or in a list, as a list; nothing for None."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
