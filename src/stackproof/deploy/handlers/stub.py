"""Resources that nobody emulates: ids and attributes that look right, so that the rest deploys, loudly."""

from __future__ import annotations

import random
import re
from typing import Any

from stackproof import schemas
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made
from stackproof.template.physical_table import PHYSICAL, SHAPES, Physical

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Stub(Handler):
    """Any type. Nothing is made, its physical id and attributes follow its schema."""

    type = "*"

    def create(self, job: Job) -> Made:
        """Invent what ``Ref`` and ``GetAtt`` answer."""
        inventor = _Inventor(job)
        shape = PHYSICAL.get(job.type)
        if shape is not None:
            attributes = {name: inventor.filled(text, shape) for name, text in shape.attributes.items()}
            return Made(inventor.filled(shape.ref, shape), {**inventor.attributes(), **attributes})
        return Made(inventor.identifier(), inventor.attributes())

    def update(self, job: Job, made: Made) -> Made:
        """Nothing happens."""
        return made


class _Inventor:
    """Values that hang on the resource only, the same in every run."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._random = random.Random(f"{job.place.stack_id}/{job.logical_id}/{job.serial}")
        self._ids: dict[str, str] = {}

    def filled(self, text: str, shape: Physical) -> str:
        """A text of the table of physical ids with its placeholders filled."""
        return _PLACEHOLDER.sub(lambda found: self._part(found[1], shape), text)

    def _part(self, piece: str, shape: Physical) -> str:
        place = self._job.place
        names = {
            "partition": place.partition,
            "region": place.region,
            "account": place.account,
            "stack": place.stack,
            "suffix": "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com",
            "path": str(self._job.get("Path", "/")),
        }
        if piece in names:
            return names[piece]
        if piece == "name":
            name = self._job.name(shape.name)
            return name.lower() if shape.lower else name
        return self._matching(shape.id if piece == "id" else SHAPES[piece])

    def _matching(self, pattern: str) -> str:
        import rstr

        if pattern not in self._ids:
            self._ids[pattern] = rstr.Rstr(self._random).xeger(pattern)
        return self._ids[pattern]

    def identifier(self) -> str:
        """The primary identifier when the template sets it, else a name."""
        identifier = schemas.primary_identifier(self._job.type)
        given = self._job.get(identifier[0]) if len(identifier) == 1 else None
        return given if isinstance(given, str) else self._job.name("")

    def attributes(self) -> dict[str, Any]:
        """A value for each attribute that the type's schema calls read-only."""
        found: dict[str, Any] = {}
        for name in sorted(schemas.read_only(self._job.type)):
            if "*" not in name:
                found[name] = self._attribute(name)
        return found

    def _attribute(self, name: str) -> Any:
        declared = schemas.attribute(self._job.type, name) or {}
        kind = schemas.kind(declared)
        if kind == "number":
            return 1
        if kind == "boolean":
            return True
        if kind == "list":
            return [self._text(name)]
        return self._text(name)

    def _text(self, name: str) -> str:
        if "cidr" in name.lower():
            return "2600:1f18::/56" if "6" in name else "10.0.0.0/16"
        if name.lower().endswith("arn"):
            place = self._job.place
            service = self._job.type.split("::")[1].lower() if "::" in self._job.type else "unknown"
            return f"arn:{place.partition}:{service}:{place.region}:{place.account}:{self.identifier()}"
        return self._job.unique(name).lower()
