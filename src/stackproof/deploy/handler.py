"""What makes a resource: the base of every handler, and the job that it is given.

A handler class stands for one resource type. It lists the top-level properties that it gives effect
(``covers``); every other property of a template ends in the verdict, as does whatever an API operation
has no member for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from stackproof.deploy.fit import fit, tags_of
from stackproof.deploy.model import Made, Place
from stackproof.deploy.names import physical_name, suffix

if TYPE_CHECKING:
    from stackproof.backends.base import Backend
    from stackproof.deploy.deployer import Deployer


class Refused(Exception):
    """A handler cannot do what the template asks; the message is the reason of the failure."""


@dataclass(slots=True)
class Job:
    """One resource to make, change or delete.

    ``properties`` are resolved, ``before`` those that the resource was last deployed with (None when new).
    ``written`` is the resource as the expanded template has it. ``serial`` counts replacements.
    """

    backend: Backend
    deployer: Deployer
    place: Place
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    before: Mapping[str, Any] | None = None
    written: Mapping[str, Any] = field(default_factory=dict)
    serial: int = 0
    dropped: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    pretended: str = ""
    remarks: list[str] = field(default_factory=list)

    def get(self, name: str, default: Any = None) -> Any:
        """A property, ``default`` when the template does not set it."""
        return self.properties.get(name, default)

    def changed(self, *names: str) -> bool:
        """Whether any of the properties differs from what is deployed; True for a new resource."""
        if self.before is None:
            return True
        return any(self.properties.get(name) != self.before.get(name) for name in names)

    def name(self, property_name: str, *, tail: str = "") -> str:
        """The name that the template gives, else one as CloudFormation makes it."""
        given = self.properties.get(property_name) if property_name else None
        if given:
            return str(given)
        place = self.place
        return physical_name(self.type, place.stack, place.stack_id, self.logical_id, self.serial, tail)

    def unique(self, *parts: object, length: int = 12) -> str:
        """Letters and digits that hang on this resource."""
        return suffix(self.place.stack_id, self.logical_id, self.serial, *parts, length=length)

    def tags(self, name: str = "Tags") -> dict[str, str]:
        """The resource's tags with those of the stack."""
        return tags_of(self.properties.get(name), dict(self.place.tags))

    def tag_list(self, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
        """The tags as a list of pairs."""
        return [{key: name, value: text} for name, text in self.tags().items()]

    def removed_tags(self, name: str = "Tags") -> list[str]:
        """Keys of tags that are deployed and no longer wanted."""
        before = tags_of((self.before or {}).get(name))
        return [key for key in before if key not in self.tags(name)]

    def pick(self, table: Mapping[str, str]) -> dict[str, Any]:
        """The properties that are set, under the names of the API's parameters."""
        return {to: self.properties[name] for name, to in table.items() if name in self.properties}

    def left_out(self, path: str, reason: str = "") -> None:
        """Name a property (path) that has no effect here."""
        self.dropped.append(path)
        if reason:
            self.reasons[path] = reason

    def remark(self, text: str) -> None:
        """Tell what AWS would say of the resource, though it works here."""
        self.remarks.append(text)

    def not_emulated(self, path: str, reason: str) -> None:
        """The resource does nothing here at all, because of a property."""
        self.left_out(path, reason)
        self.pretended = path

    def call(
        self, service: str, operation: str, params: Mapping[str, Any], table: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """One API call. Values are fitted into the operation's shape; ``table`` is property to parameter."""
        client = self.backend.client(service)
        shape = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        ).input_shape
        origins = {to: name for name, to in (table or {}).items()}
        fitted: dict[str, Any] = {}
        for name, value in params.items():
            if value is None:
                continue
            if name not in shape.members:
                self.dropped.append(origins.get(name, name))
                continue
            fitted[name] = fit(shape.members[name], value, origins.get(name, name), self.dropped)
        answer: dict[str, Any] = getattr(client, operation)(**fitted)
        return answer


class Handler:
    """Makes, changes and deletes resources of one type.

    ``covers`` are the properties that it gives effect, ``inert`` those that it stores only, with the reason.
    ``replaces`` are properties whose change replaces the resource besides what the provider schema says,
    ``in_place`` those that the schema calls create-only and that can be changed here all the same. Where it
    ``renews``, an update that answers another physical id made another resource, and the old one goes.
    """

    type: ClassVar[str]
    covers: ClassVar[frozenset[str]] = frozenset()
    inert: ClassVar[Mapping[str, str]] = {}
    replaces: ClassVar[frozenset[str]] = frozenset()
    in_place: ClassVar[frozenset[str]] = frozenset()
    renews: ClassVar[bool] = False

    def create(self, job: Job) -> Made:
        """Make the resource."""
        raise Refused(f"{job.type} cannot be created")

    def update(self, job: Job, made: Made) -> Made:
        """Change the resource in place; ``job.before`` are its former properties."""
        raise Refused(f"{job.type} cannot be changed in place")

    def delete(self, job: Job, made: Made) -> None:
        """Delete the resource. What is gone already is no error (the engine sees to that)."""
