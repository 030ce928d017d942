"""Which line of a SAM template asked for a generated resource or property."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackproof.model import DocPath
from stackproof.template.marks import existing

_PREFIX = "AWS::Serverless::"
_IMPLICIT = {"ServerlessRestApi": ("Api", "RestApiId"), "ServerlessHttpApi": ("HttpApi", "ApiId")}
# Generated property → the SAM properties that it is made of, the first that is written wins.
_SOURCES: dict[str, tuple[str, ...]] = {
    "Code": ("CodeUri", "InlineCode", "ImageUri"),
    "Content": ("ContentUri",),
    "TracingConfig": ("Tracing",),
    "DeadLetterConfig": ("DeadLetterQueue",),
    "Policies": ("Policies", "Connectors"),
    "ManagedPolicyArns": ("Policies", "Tracing", "VpcConfig"),
    "PolicyDocument": ("Policies", "Connectors"),
    "AssumeRolePolicyDocument": ("AssumeRolePolicyDocument", "Role"),
    "PermissionsBoundary": ("PermissionsBoundary",),
    "Body": ("DefinitionBody", "DefinitionUri"),
    "BodyS3Location": ("DefinitionUri",),
    "DefinitionString": ("Definition",),
    "DefinitionS3Location": ("DefinitionUri",),
    "KeySchema": ("PrimaryKey",),
    "AttributeDefinitions": ("PrimaryKey",),
    "TemplateURL": ("Location",),
    "RouteSettings": ("RouteSettings", "DefaultRouteSettings"),
    "MethodSettings": ("MethodSettings",),
    "Name": ("AutoPublishAlias", "Name"),
    "FunctionVersion": ("AutoPublishAlias",),
    "EventSourceArn": ("Queue", "Stream", "Broker"),
    "EventPattern": ("Pattern", "EventPattern"),
    "ScheduleExpression": ("Schedule",),
    "TopicArn": ("Topic",),
    "Endpoint": ("Topic",),
}


@dataclass(frozen=True, slots=True)
class SamOrigin:
    """``written`` is the tree before the transform; ``sources`` what the translator carried along."""

    written: Mapping[str, Any]
    sources: Mapping[str, str]
    generated: Mapping[str, Any] = field(default_factory=dict)

    def back(self, path: DocPath) -> DocPath:
        """The path in the SAM template of a path in the translated one."""
        if len(path) < 2 or path[0] != "Resources":
            return path
        logical_id = str(path[1])
        resources = self._resources()
        if logical_id in resources and not self._is_sam(logical_id):
            return path
        implicit = next((name for name in _IMPLICIT if logical_id.startswith(name)), "")
        source = self._source(logical_id)
        if "paths" in path or (implicit and not source):
            event = self._api_event(path, implicit or logical_id)
            if event is not None:
                return event
        if not source:
            return ("Resources",)
        return self._inside(source, logical_id, path[2:])

    def _resources(self) -> Mapping[str, Any]:
        resources = self.written.get("Resources")
        return resources if isinstance(resources, dict) else {}

    def _is_sam(self, logical_id: str) -> bool:
        resource = self._resources().get(logical_id)
        return isinstance(resource, dict) and str(resource.get("Type", "")).startswith(_PREFIX)

    def _properties(self, logical_id: str) -> Mapping[str, Any]:
        resource = self._resources().get(logical_id)
        properties = resource.get("Properties") if isinstance(resource, dict) else None
        return properties if isinstance(properties, dict) else {}

    def _source(self, logical_id: str) -> str:
        if logical_id in self.sources:
            return self.sources[logical_id]
        if logical_id in self._resources():
            return logical_id
        starts = [name for name in self._resources() if self._is_sam(name) and logical_id.startswith(name)]
        if starts:
            return max(starts, key=len)
        if logical_id.startswith(("ServerlessDeploymentApplication", "CodeDeployServiceRole")):
            return next((name for name, _ in self._with("DeploymentPreference")), "")
        return ""

    def _with(self, property_name: str) -> Iterator[tuple[str, Any]]:
        shared = self.written.get("Globals")
        function = shared.get("Function") if isinstance(shared, dict) else None
        everywhere = isinstance(function, dict) and property_name in function
        for name in self._resources():
            if self._is_sam(name) and (everywhere or property_name in self._properties(name)):
                yield name, self._properties(name).get(property_name)

    def _inside(self, source: str, logical_id: str, rest: DocPath) -> DocPath:
        base: DocPath = ("Resources", source)
        suffix = logical_id.removeprefix(source)
        resource = self._resources().get(source, {})
        connectors = resource.get("Connectors")
        for name in sorted(connectors if isinstance(connectors, dict) else (), key=len, reverse=True):
            if suffix.startswith(name):
                return (*base, "Connectors", name)
        events = self._properties(source).get("Events")
        for name in sorted(events if isinstance(events, dict) else (), key=len, reverse=True):
            if suffix.startswith(name) and isinstance(events, dict):
                event: DocPath = (*base, "Properties", "Events", name)
                return self._property(event, rest) or event
        return self._property(base, rest) or base

    def _property(self, base: DocPath, rest: DocPath) -> DocPath | None:
        """The property below ``base`` (or in Globals) that the property ``rest`` is made of."""
        if len(rest) < 2 or rest[0] != "Properties":
            return existing(self.written, base + rest) if rest else None
        name = str(rest[1])
        for candidate in (name, *_SOURCES.get(name, ())):
            path = (*base, "Properties", candidate)
            if existing(self.written, path) == path:
                exact = (*path, *rest[2:]) if candidate == name else path
                return existing(self.written, exact)
        if len(base) == 2:
            kind = str(self._resources().get(str(base[1]), {}).get("Type", "")).removeprefix(_PREFIX)
            for candidate in (name, *_SOURCES.get(name, ())):
                path = ("Globals", kind, candidate)
                if existing(self.written, path) == path:
                    return existing(self.written, (*path, *rest[2:]) if candidate == name else path)
        return None

    def _api_event(self, path: DocPath, api: str) -> DocPath | None:
        """The ``Events`` entry behind a route of an API, or for an implicit API the first there is."""
        route = path[path.index("paths") + 1 :][:2] if "paths" in path else ()
        kind, key = _IMPLICIT.get(api, ("", ""))
        first: DocPath | None = None
        for name, events in self._with("Events"):
            for event_name, event in (events if isinstance(events, dict) else {}).items():
                properties = event.get("Properties") if isinstance(event, dict) else None
                properties = properties if isinstance(properties, dict) else {}
                target = properties.get("RestApiId", properties.get("ApiId"))
                mine = event.get("Type") == kind and key not in properties if kind else target == {"Ref": api}
                mine = mine or target == {"Ref": api} or target == api
                if not mine:
                    continue
                found: DocPath = ("Resources", name, "Properties", "Events", event_name)
                if route and self._matches(route, properties):
                    return found
                first = first or found
        return first if kind else None

    @staticmethod
    def _matches(route: DocPath, properties: Mapping[str, Any]) -> bool:
        if str(properties.get("Path", "/$default")) != route[0]:
            return False
        if len(route) < 2:
            return True
        method = str(properties.get("Method", "any")).lower()
        wanted = str(route[1]).lower()
        return method == wanted or (method == "any" and wanted == "x-amazon-apigateway-any-method")
