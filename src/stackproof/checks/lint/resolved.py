"""Which parts of a resolved template cfn-lint has not seen, and a document in which it can judge them.

cfn-lint resolves a parameter's default and its allowed values by itself. What it cannot know is what
comes from outside: parameter files, a parent stack, another stack's exports, an environment's region.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackproof.model import JSON, DocPath
from stackproof.template.model import ABSENT, Choice, Resolved, Unknown

_SUB = re.compile(r"\$\{([^!}][^}]*)\}")
_NO_VALUE = {"Ref": "AWS::NoValue"}
_SECTIONS = ("AWSTemplateFormatVersion", "Mappings", "Metadata", "Conditions")


@dataclass(frozen=True, slots=True)
class Changes:
    """The paths whose value came from outside; ``exact`` are resources that a transform generated."""

    paths: frozenset[DocPath]
    exact: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.paths)

    @property
    def resources(self) -> frozenset[str]:
        """The logical ids that hold a changed value."""
        return frozenset(str(path[1]) for path in self.paths)

    def concern(self, path: DocPath) -> bool:
        """Whether a match at ``path`` can come from a changed value: at it, below it, or around it.

        In a generated resource a match around the value may come from the generator: it does not count.
        """
        path = without_functions(path)
        for changed in self.paths:
            if path[: len(changed)] == changed:
                return True
            around = len(path) > 2 and changed[: len(path)] == path
            if around and str(path[1]) not in self.exact:
                return True
        return False


def without_functions(path: DocPath) -> DocPath:
    """A path up to the first intrinsic function: what lies inside one is not in the resolved tree."""
    for position, part in enumerate(path):
        if position > 2 and (part == "Ref" or (isinstance(part, str) and part.startswith("Fn::"))):
            return path[:position]
    return path


def changes(resolved: Resolved) -> Changes:
    """The property paths that hold a value which the written template does not tell."""
    outside = _outside_names(resolved)
    written = resolved.expanded.tree.get("Resources")
    judged = resolved.tree.get("Resources")
    if not outside or not isinstance(written, Mapping) or not isinstance(judged, Mapping):
        return Changes(frozenset())
    paths: set[DocPath] = set()
    for name, body in judged.items():
        before = written.get(name)
        if isinstance(body, Mapping) and isinstance(before, Mapping):
            start = ("Resources", name, "Properties")
            paths.update(_changed(before.get("Properties"), body.get("Properties"), start, outside))
    names = {str(path[1]) for path in paths}
    return Changes(frozenset(paths), frozenset(name for name in names if _is_generated(resolved, name)))


def everything(resolved: Resolved) -> Changes:
    """All resources that are written in the template; those that a transform generates are left out."""
    judged = resolved.tree.get("Resources")
    names = list(judged) if isinstance(judged, Mapping) else []
    return Changes(
        frozenset(("Resources", str(name)) for name in names if not _is_generated(resolved, str(name)))
    )


def judgeable(resolved: Resolved, changed: Changes) -> dict[str, Any]:
    """A plain document with the changed resources, and the types of those they refer to."""
    written = resolved.expanded.tree
    tree = {key: written[key] for key in _SECTIONS if key in written}
    tree["Parameters"] = _parameters(resolved)
    if isinstance(written.get("Conditions"), Mapping):
        tree["Conditions"] = {
            name: _constant(resolved.conditions.get(name), body)
            for name, body in written["Conditions"].items()
        }
    every = resolved.tree.get("Resources", {})
    bodies = {name: _rendered_resource(resolved, name, every[name]) for name in changed.resources}
    for name in {name for body in bodies.values() for name in _names(body)} - bodies.keys():
        # What is only referred to needs no properties: nothing that cfn-lint says of it is asked for.
        if isinstance(every.get(name), Mapping):
            body = _rendered_resource(resolved, name, every[name])
            bodies[name] = {key: body[key] for key in ("Type", "Condition") if key in body}
    tree["Resources"] = {name: bodies[name] for name in every if name in bodies}
    return {key: section for key, section in tree.items() if section}


def _rendered_resource(resolved: Resolved, name: str, body: Any) -> dict[str, Any]:
    rendered = _render(body)
    if not isinstance(rendered, dict):
        return {}
    if name in resolved.conditional:
        return {**rendered, "Condition": resolved.conditional[name]}
    return {key: value for key, value in rendered.items() if key != "Condition"}


def _render(node: Any) -> JSON:
    """The node as plain JSON: what is unknown becomes the intrinsic function again."""
    if isinstance(node, Unknown):
        return node.expression
    if isinstance(node, Choice):
        return {"Fn::If": [node.condition, _render(node.then), _render(node.otherwise)]}
    if node is ABSENT:
        return _NO_VALUE
    if isinstance(node, Mapping):
        return {key: _render(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_render(item) for item in node]
    return node


def _parameters(resolved: Resolved) -> dict[str, Any]:
    """The declarations; a parameter with a known value has it as its default and nothing else."""
    declared = resolved.expanded.tree.get("Parameters")
    if not isinstance(declared, Mapping):
        return {}
    answer: dict[str, Any] = {}
    for name, body in declared.items():
        value = resolved.parameters.get(name)
        if (
            isinstance(body, Mapping)
            and isinstance(value, str | int | float)
            and "SSM" not in str(body.get("Type"))
        ):
            answer[name] = {"Type": body.get("Type", "String"), "Default": value}
        else:
            answer[name] = body
    return answer


def _constant(decided: bool | None, body: Any) -> Any:
    if decided is None:
        return body
    return {"Fn::Equals": ["decided", "decided" if decided else "otherwise"]}


def _outside_names(resolved: Resolved) -> frozenset[str]:
    """The names whose value came from outside and is none that cfn-lint tries by itself."""
    declared = resolved.expanded.tree.get("Parameters")
    names = {"Fn::ImportValue", "Fn::GetStackOutput"}
    if isinstance(declared, Mapping):
        names.update(
            name for name, body in declared.items() if _is_given(body, resolved.parameters.get(name))
        )
    if resolved.configuration.region:
        names.add("AWS::Region")
    return frozenset(names)


def _is_given(declaration: Any, value: Any) -> bool:
    if value is None or isinstance(value, Unknown | Choice) or not isinstance(declaration, Mapping):
        return False
    tried = [declaration["Default"]] if "Default" in declaration else []
    allowed = declaration.get("AllowedValues")
    tried += allowed if isinstance(allowed, list) else []
    return _as_text(value) not in {_as_text(item) for item in tried}


def _as_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(_as_text(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _changed(before: Any, after: Any, path: DocPath, outside: frozenset[str]) -> Iterator[DocPath]:
    if isinstance(after, Unknown):
        return
    if _is_function(before):
        if outside.intersection(_names(before)) and after != before:
            yield path
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for key, value in before.items():
            if key in after:
                yield from _changed(value, after[key], (*path, key), outside)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) == len(after):
            for position, value in enumerate(before):
                yield from _changed(value, after[position], (*path, position), outside)
        elif outside.intersection(_names(before)):
            yield path


def _is_function(node: Any) -> bool:
    if not isinstance(node, Mapping) or len(node) != 1:
        return False
    key = next(iter(node))
    return key == "Ref" or (isinstance(key, str) and key.startswith("Fn::"))


def _names(node: Any) -> Iterator[str]:
    """Every name that the functions below a node refer to, and ``Fn::ImportValue`` itself."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in {"Ref", "Condition"} and isinstance(value, str):
                yield value
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) and value else value
                if isinstance(text, str):
                    yield from (name.split(".", 1)[0] for name in _SUB.findall(text))
            elif key == "Fn::GetAtt":
                yield str(value[0]) if isinstance(value, list) and value else str(value).split(".", 1)[0]
            elif key == "DependsOn":
                yield from ([value] if isinstance(value, str) else map(str, value or ()))
            elif key == "Fn::ImportValue":
                yield key
            yield from _names(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _names(item)


def _is_generated(resolved: Resolved, name: str) -> bool:
    written = resolved.expanded.document.tree.get("Resources")
    before = written.get(name) if isinstance(written, Mapping) else None
    after = resolved.tree["Resources"].get(name)
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return True
    return bool(before.get("Type") != after.get("Type"))
