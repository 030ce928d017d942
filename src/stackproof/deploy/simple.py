"""Resource types that a table describes: one call to create, one to change, one to delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made


class Simple(Handler):
    """A type as a table.

    ``table`` is property to parameter. ``named`` is the property that a name is made up for. ``key`` is the
    parameter of the later calls that takes the physical id, which stands at ``identifier`` in the answer of
    the creation (``@Parameter``: what was sent). ``owners`` are properties that the later calls need too.
    ``answers`` are attributes with their place in the answer. ``tagged`` is ``map``, ``list`` or "".
    """

    service: ClassVar[str] = ""
    table: ClassVar[Mapping[str, str]] = {}
    named: ClassVar[str] = ""
    key: ClassVar[str] = ""
    identifier: ClassVar[str] = ""
    owners: ClassVar[Mapping[str, str]] = {}
    answers: ClassVar[Mapping[str, str]] = {}
    tagged: ClassVar[str] = ""
    creates: ClassVar[str] = ""
    updates: ClassVar[str] = ""
    deletes: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        tags = {"Tags"} if cls.tagged else set()
        own = cls.__dict__.get("covers", frozenset())
        cls.covers = frozenset(cls.table) | cls.owners.keys() | tags | own | ({cls.named} - {""})

    def params(self, job: Job) -> dict[str, Any]:
        """What creation and change send."""
        found = job.pick({**self.table, **self.owners})
        if self.named:
            found[self.table.get(self.named, self.named)] = job.name(self.named)
        return found

    def create(self, job: Job) -> Made:
        """The creating call."""
        params = self.params(job)
        if self.tagged and job.tags():
            params["Tags" if "tags" not in self._members(job) else "tags"] = (
                job.tags() if self.tagged == "map" else job.tag_list()
            )
        answer = job.call(self.service, self.creates, params, {**self.table, **self.owners})
        identifier = self.identifier
        found = params[identifier[1:]] if identifier.startswith("@") else at(answer, identifier)
        attributes = {name: at(answer, path) for name, path in self.answers.items()}
        return Made(str(found), {name: value for name, value in attributes.items() if value is not None})

    def _members(self, job: Job) -> Any:
        client = job.backend.client(self.service)
        model = client.meta.service_model
        return model.operation_model(client.meta.method_to_api_mapping[self.creates]).input_shape.members

    def _named_by(self, job: Job, made: Made) -> dict[str, Any]:
        return {self.key: made.physical_id, **job.pick(self.owners)}

    def update(self, job: Job, made: Made) -> Made:
        """The changing call, with everything that is wanted."""
        if self.updates:
            job.call(
                self.service, self.updates, {**self.params(job), **self._named_by(job, made)}, self.table
            )
        return made

    def delete(self, job: Job, made: Made) -> None:
        """The deleting call."""
        if self.deletes:
            job.call(self.service, self.deletes, self._named_by(job, made))


def at(answer: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path of an answer, None when nothing does."""
    node: Any = answer
    for part in path.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node
