"""The nested stacks of one instance of a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackproof.model import DocPath, Finding, Outcome, Severity
from stackproof.template import nested
from stackproof.template.exports import foreign
from stackproof.template.model import Configuration, Expanded, ParameterValue, Resolved, Unknown
from stackproof.template.unknowns import text_of

if TYPE_CHECKING:
    from stackproof.template.estate import Estate

MAX_INSTANCES = 256
"""How often one child is judged at most; a note says when there would be more."""


class Family:
    """The children of one instance, made when an output is asked for or at the end."""

    def __init__(
        self, estate: Estate, expanded: Expanded, configuration: Configuration, parents: tuple[str, ...]
    ) -> None:
        self._estate = estate
        self._expanded = expanded
        self._configuration = configuration
        self._parents = parents
        self._made: dict[str, Resolved | None] = {}
        self._given: dict[str, Mapping[str, Any]] = {}
        self._breaches: list[tuple[nested.Breach, Outcome, Severity]] = []

    def outputs(self, logical_id: str, properties: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The outputs of a nested stack as its parent sees them."""
        child = self._make(logical_id, properties)
        if child is None:
            return None
        return {
            name: foreign(
                value, {"Fn::GetAtt": [logical_id, f"Outputs.{name}"]}, f"{logical_id}.Outputs.{name}"
            )
            for name, value in child.outputs.items()
        }

    def finish(self, resolved: Resolved) -> Resolved:
        """Make the children that nobody asked for, and add what is wrong with any of them."""
        for logical_id, resource in nested.stacks(resolved.tree.get("Resources")):
            properties = resource.get("Properties")
            self._make(logical_id, properties if isinstance(properties, Mapping) else {})
        found = [self._finding(resolved, *item) for item in self._breaches]
        return replace(resolved, findings=(*resolved.findings, *found)) if found else resolved

    def _finding(
        self, resolved: Resolved, breach: nested.Breach, outcome: Outcome, severity: Severity
    ) -> Finding:
        name = self._configuration.name
        return Finding(
            breach.rule,
            breach.message,
            resolved.locate(breach.path),
            outcome,
            severity,
            "template",
            breach.path,
            str(breach.path[1]),
            (name,) if name else (),
            tuple(resolved.provenance(breach.path)),
            fix=breach.fix,
        )

    def _make(self, logical_id: str, properties: Mapping[str, Any]) -> Resolved | None:
        if logical_id not in self._made:
            self._made[logical_id] = None
            self._made[logical_id] = self._instantiate(logical_id, properties)
        return self._made[logical_id]

    def _breach(
        self,
        rule: str,
        message: str,
        path: DocPath,
        fix: str = "",
        outcome: Outcome = Outcome.FAIL,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self._breaches.append((nested.Breach(rule, message, path, fix), outcome, severity))

    def _instantiate(self, logical_id: str, properties: Mapping[str, Any]) -> Resolved | None:
        estate, tree = self._estate, self._expanded.tree
        resource = tree.get("Resources", {}).get(logical_id)
        kind = text_of(resource.get("Type")) if isinstance(resource, Mapping) else ""
        key = nested.url_property(kind)
        if key not in properties and "TemplateURL" in properties:
            key = "TemplateURL"
        path: DocPath = ("Resources", logical_id, "Properties", key)
        if key not in properties:
            return None
        source = resource.get("Properties") if isinstance(resource, Mapping) else None
        written = source.get(key) if isinstance(source, Mapping) else None
        target = nested.find(
            properties[key],
            written,
            self._expanded.document.path,
            estate.config,
            self._configuration.environment,
        )
        if target.path is None:
            self._unreached(target, path)
            return None
        file = estate.name_of(target.path)
        chain = [name for name, _ in estate.open]
        if file in [self._expanded.document.file, *(link.rsplit("/", 1)[0] for link in self._parents)]:
            circle = " → ".join([*chain[chain.index(file) :], file]) if file in chain else file
            self._breach("SP-NEST-CYCLE", f"the stacks contain each other: {circle}", path)
            return None
        return self._instantiate_file(file, target.path, logical_id, properties, path)

    def _unreached(self, target: nested.Target, path: DocPath) -> None:
        if target.remote:
            fix = "map the address to a local folder or file in template_urls"
            message = f"the child stack is not judged: {target.problem}"
            self._breach("SP-NEST-REMOTE", message, path, fix, Outcome.NOTE, Severity.INFO)
        else:
            fix = "correct the path, or map it to a local folder in template_urls"
            self._breach("SP-NEST-MISSING", f"the child template is missing: {target.problem}", path, fix)

    def _instantiate_file(
        self, file: str, place: Path, logical_id: str, properties: Mapping[str, Any], path: DocPath
    ) -> Resolved | None:
        estate = self._estate
        child = estate.document(file)
        if child is None:
            self._breach("SP-NEST-MISSING", f"the child template {file} cannot be read", path)
            return None
        for breach in nested.contract(logical_id, properties, child.tree, file):
            outcome = Outcome.UNDECIDED if breach.undecided else Outcome.FAIL
            severity = Severity.WARNING if breach.undecided else Severity.ERROR
            self._breach(breach.rule, breach.message, breach.path, breach.fix, outcome, severity)
        if len(estate.existing(file)) >= MAX_INSTANCES:
            message = f"{file} has {MAX_INSTANCES} instances: this one is not judged"
            self._breach("SP-NEST-BOUND", message, path, "", Outcome.NOTE, Severity.INFO)
            return None
        chain = (*self._parents, f"{self._expanded.document.file}/{logical_id}")
        values = _handed_down(self._expanded, logical_id, properties)
        tags = _tags(properties.get("Tags"))
        return estate.child(
            place, nested.child_configuration(self._configuration, chain, values, tags), chain
        )


def _handed_down(
    expanded: Expanded, logical_id: str, properties: Mapping[str, Any]
) -> dict[str, ParameterValue]:
    """Parameter values as the child sees them, with the parent's lines."""
    given = properties.get("Parameters")
    if not isinstance(given, Mapping):
        return {}
    base: DocPath = ("Resources", logical_id, "Properties", "Parameters")
    return {
        str(name): ParameterValue(
            foreign(value, {"Ref": str(name)}, str(name)), expanded.locate((*base, str(name)))
        )
        for name, value in given.items()
    }


def _tags(tags: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, Mapping) and isinstance(tag.get("Key"), str):
            value = tag.get("Value")
            if not isinstance(value, Unknown | dict | list):
                found[tag["Key"]] = text_of(value)
    return found
