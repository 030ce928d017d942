"""A deployed stack, as tests see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.deploy.model import Event, Level, Resource
from stackproof.errors import NotEmulated, UsageError

if TYPE_CHECKING:
    from stackproof.deploy.changes import Change
    from stackproof.deploy.deployer import Deployer
    from stackproof.deploy.state import State

Template = str | Path | Mapping[str, Any]


class Stack:
    """What a deployment left behind. ``status`` is CloudFormation's word for it."""

    def __init__(self, deployer: Deployer, name: str) -> None:
        self._deployer = deployer
        self.name = name
        self.state: State | None = None
        self.status = "REVIEW_IN_PROGRESS"
        self.events: list[Event] = []
        self.source: Any = None
        self.parent = ""

    def __repr__(self) -> str:
        return f"<Stack {self.name} {self.status}>"

    @property
    def _deployed(self) -> State:
        if self.state is None:
            raise UsageError(f"stack {self.name} is not deployed ({self.status})")
        return self.state

    @property
    def id(self) -> str:
        """The stack's ARN."""
        return self._deployed.place.stack_id

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Outputs by name."""
        return self._deployed.outputs

    @property
    def resources(self) -> Mapping[str, Resource]:
        """Resources by logical id, in the order in which they were deployed."""
        return self._deployed.resources

    def __getitem__(self, logical_id: str) -> Resource:
        """A resource. ``UsageError`` names those that there are."""
        found = self.resources.get(logical_id)
        if found is None:
            known = ", ".join(self.resources) or "none"
            raise UsageError(f"stack {self.name} has no resource '{logical_id}'; there are: {known}")
        return found

    def client(self, service: str) -> Any:
        """A boto3 client where the stack is deployed."""
        region = self.state.place.region if self.state else ""
        return self._deployer.backend.client(service, region=region)

    def nested(self, logical_id: str) -> Stack:
        """A child stack by its logical id."""
        return self._deployer.stacks[str(self[logical_id].notes["stack"])]

    def walk(self) -> Iterator[tuple[Stack, Resource]]:
        """Every resource with its stack, those of nested stacks after the resource that made them."""
        for resource in self.resources.values():
            yield self, resource
            if "stack" in resource.notes:
                yield from self.nested(resource.logical_id).walk()

    def missing(self) -> list[tuple[Stack, Resource]]:
        """The resources that are not wholly emulated."""
        return [(stack, one) for stack, one in self.walk() if one.verdict.level is not Level.EMULATED]

    def remarks(self) -> list[str]:
        """What AWS would say of resources that work here all the same, each with its place."""
        return [
            f"{one.location}: {one.type} ({one.logical_id}): {text}"
            for _, one in self.walk()
            for text in one.verdict.remarks
        ]

    def require(self, level: str) -> Stack:
        """Demand ``emulated`` or ``partial`` of every resource. Raises ``NotEmulated`` with the rest."""
        try:
            wanted = Level(level)
        except ValueError:
            known = ", ".join(Level)
            raise UsageError(f"there is no level '{level}'", hint=f"one of {known}") from None
        short = [
            f"{one.location}: {one.type} ({one.logical_id}) is {one.verdict}"
            for _, one in self.missing()
            if one.verdict.level.rank > wanted.rank
        ]
        if short:
            text = "\n  ".join(short)
            raise NotEmulated(f"stack {self.name} is not '{wanted}' on this backend:\n  {text}")
        return self

    # Helpers for the services that tests touch most.

    def queue(self, logical_id: str) -> str:
        """The URL of a queue."""
        return self._of(logical_id, "AWS::SQS::Queue").physical_id

    def topic(self, logical_id: str) -> str:
        """The ARN of a topic."""
        return self._of(logical_id, "AWS::SNS::Topic").physical_id

    def table(self, logical_id: str) -> str:
        """The name of a table."""
        return self._of(logical_id, "AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable").physical_id

    def bucket(self, logical_id: str) -> str:
        """The name of a bucket."""
        return self._of(logical_id, "AWS::S3::Bucket").physical_id

    def function(self, logical_id: str) -> str:
        """The name of a function."""
        return self._of(logical_id, "AWS::Lambda::Function").physical_id

    def url(self, logical_id: str, stage: str = "") -> str:
        """The address of an API (of its stage; without one the only stage) or of a function (URL)."""
        found = self[logical_id]
        if found.type == "AWS::Lambda::Function":
            found = self._address(found)
        if "FunctionUrl" in found.attributes:
            return str(found.attributes["FunctionUrl"]).rstrip("/")
        kind = {"AWS::ApiGateway::RestApi": "RestApiId", "AWS::ApiGatewayV2::Api": "ApiId"}.get(found.type)
        if kind is None:
            raise UsageError(f"'{logical_id}' is {found.type}, no API")
        names = [
            one.physical_id
            for one in self.resources.values()
            if one.type.endswith("::Stage") and one.properties.get(kind) == found.physical_id
        ]
        if not stage and len(names) > 1:
            raise UsageError(f"API '{logical_id}' has several stages: {', '.join(names)}", hint="name one")
        name = stage or (names[0] if names else "$default")
        place = self._deployed.place
        domain = "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com"
        base = f"https://{found.physical_id}.execute-api.{place.region}.{domain}"
        return base if name == "$default" else f"{base}/{name}"

    def _address(self, function: Resource) -> Resource:
        """The URL of a function (also the one that SAM makes for it); the function when it has none."""
        arn = str(function.attributes.get("Arn"))
        for one in self.resources.values():
            target = str(one.properties.get("TargetFunctionArn"))
            if one.type == "AWS::Lambda::Url" and (
                target in (function.physical_id, arn) or f"{arn}:" in target
            ):
                return one
        return function

    def _of(self, logical_id: str, *types: str) -> Resource:
        found = self[logical_id]
        if found.type not in types:
            raise UsageError(f"'{logical_id}' is {found.type}, not {types[0]}")
        return found

    # Life.

    def changes(self, template: Template | None = None, **options: Any) -> tuple[Change, ...]:
        """The change set that ``update`` would run."""
        return self._deployer.changes(self, template, **options)

    def update(self, template: Template | None = None, **options: Any) -> Stack:
        """Deploy another template, other ``parameters`` or another ``config``. Raises ``DeploymentFailed``.

        Parameters that are not given keep their values.
        """
        return self._deployer.update(self, template, **options)

    def delete(self) -> None:
        """Delete everything in reverse. Raises ``DeploymentFailed`` when AWS refuses (a full bucket)."""
        self._deployer.delete(self)
