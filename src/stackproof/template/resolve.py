"""Resolves an expanded template for one deployment configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stackproof.model import DocPath, Location, Related
from stackproof.template import assertions, circles
from stackproof.template.evaluate import Evaluator
from stackproof.template.model import ABSENT, Choice, Configuration, Expanded, Resolved
from stackproof.template.references import module_of
from stackproof.template.resolve_parameters import settle
from stackproof.template.resolve_scope import NestedOutputs, Scope
from stackproof.template.unknowns import text_of

_LITERAL = ("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings")
"""Sections that come through as they are written; Conditions, Rules and Transform are used up."""


def resolve(
    expanded: Expanded,
    configuration: Configuration,
    *,
    exports: Mapping[str, Any] | None = None,
    parents: Sequence[str] = (),
    nested: NestedOutputs | None = None,
) -> Resolved:
    """The template as it will be deployed. Never raises for a bad template: faults become findings.

    ``exports`` are the exports of the environment's other stacks (None: nobody knows them, and an import
    is unknown without a finding). ``parents`` is the chain ``file/LogicalId`` that instantiates it.
    ``nested`` gives the outputs of a nested stack by the logical id and resolved properties of its resource.
    """
    scope = Scope(expanded, configuration, exports, nested, tuple(parents))
    settle(scope)
    evaluator = Evaluator(scope)
    conditions = evaluator.conditions.every()
    assertions.judge(scope, evaluator)
    tree: dict[str, Any] = {key: expanded.tree[key] for key in _LITERAL if key in expanded.tree}
    conditional: dict[str, str] = {}
    outputs: dict[str, Any] = {}
    exported: dict[str, Any] = {}
    if isinstance(expanded.tree.get("Resources"), dict):
        tree["Resources"] = _resources(scope, evaluator, conditional)
    if isinstance(expanded.tree.get("Outputs"), dict):
        tree["Outputs"] = _outputs(scope, evaluator, outputs, exported)
    circles.report(scope, conditions)
    places, findings = (_Locator(scope), _Provenance(scope)), tuple(scope.findings)
    decided = (scope.values, conditions, conditional, outputs, exported)
    return Resolved(expanded, configuration, tree, *places, *decided, findings, tuple(parents))


def _resources(scope: Scope, evaluator: Evaluator, conditional: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for logical_id, resource in scope.section("Resources").items():
        path: DocPath = ("Resources", logical_id)
        if not isinstance(resource, dict):
            found[logical_id] = resource
            continue
        if logical_id in scope.values:
            scope.report(
                "SP-RESOLVE-SHADOW",
                f"'{logical_id}' is the name of a parameter too: Ref means the parameter",
                path,
            )
        value = _conditioned(scope, evaluator, resource, path, conditional)
        if value is not ABSENT:
            found[logical_id] = value
    for resource in found.values():
        _settle_dependencies(resource, found)
    _check_dependencies(scope)
    return found


def _conditioned(
    scope: Scope,
    evaluator: Evaluator,
    node: dict[str, Any],
    path: DocPath,
    unknown: dict[str, str],
) -> Any:
    """A resource or output under its condition; ``ABSENT`` when that is false.

    Under an unknown condition the body is evaluated as if it were true (only then does it exist), and its
    name goes to ``unknown``.
    """
    condition = node.get("Condition")
    body = {key: value for key, value in node.items() if key != "Condition"}
    if not isinstance(condition, str):
        return _body(evaluator, body, path)
    truth = evaluator.conditions.named(condition, (*path, "Condition"))
    if truth is False:
        return ABSENT
    if truth is True:
        return _body(evaluator, body, path)
    unknown[str(path[1])] = condition
    with scope.assuming(evaluator.conditions.assume(condition, True)):
        return _body(evaluator, body, path)


def _body(evaluator: Evaluator, body: dict[str, Any], path: DocPath) -> dict[str, Any]:
    """Attribute by attribute: a body with one key must not be taken for a function."""
    found: dict[str, Any] = {}
    for key, item in body.items():
        if key in {"Type", "DependsOn"}:
            found[key] = item
            continue
        value = evaluator.value(item, (*path, key), (*path, key))
        if value is not ABSENT:
            found[key] = value
    return found


def _settle_dependencies(resource: Any, existing: Mapping[str, Any]) -> None:
    """CloudFormation ignores a DependsOn to a resource whose condition is false."""
    if not isinstance(resource, dict) or "DependsOn" not in resource:
        return
    names = resource["DependsOn"]
    if isinstance(names, str) and names not in existing:
        del resource["DependsOn"]
    elif isinstance(names, list):
        left = [name for name in names if not isinstance(name, str) or name in existing]
        if left:
            resource["DependsOn"] = left
        else:
            del resource["DependsOn"]


def _check_dependencies(scope: Scope) -> None:
    resources = scope.section("Resources")
    for logical_id, resource in resources.items():
        names = resource.get("DependsOn") if isinstance(resource, dict) else None
        listed = names if isinstance(names, list) else [names] if isinstance(names, str) else []
        for index, name in enumerate(listed):
            if isinstance(name, str) and name not in resources and not module_of(name, resources):
                path: DocPath = ("Resources", logical_id, "DependsOn")
                scope.report(
                    "SP-RESOLVE-DEPENDSON",
                    f"DependsOn names '{name}': there is no such resource",
                    (*path, index) if isinstance(names, list) else path,
                )


def _outputs(
    scope: Scope, evaluator: Evaluator, outputs: dict[str, Any], exported: dict[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, output in scope.section("Outputs").items():
        if not isinstance(output, dict):
            found[name] = output
            continue
        held: dict[str, str] = {}
        value = _conditioned(scope, evaluator, output, ("Outputs", name), held)
        if value is ABSENT:
            continue
        found[name] = value
        result = value.get("Value", "")
        outputs[name] = Choice(held[name], result, ABSENT) if held else result
        export = value.get("Export")
        export_name = export.get("Name") if isinstance(export, dict) else None
        if isinstance(export_name, str | int | float):
            exported[text_of(export_name)] = result
    return found


class _Locator:
    """Maps a path of the resolved tree to the source line that produced it."""

    def __init__(self, scope: Scope) -> None:
        self._expanded = scope.expanded
        self._moves = scope.moves

    def __call__(self, path: DocPath) -> Location:
        return self._expanded.locate(self.source(tuple(path)))

    def source(self, path: DocPath) -> DocPath:
        """The path in the expanded tree."""
        for length in range(len(path), 0, -1):
            candidates = self._moves.get(path[:length])
            if not candidates:
                continue
            rest = path[length:]
            for candidate in candidates:
                if self._exists((*candidate, *rest)):
                    return (*candidate, *rest)
            return (*candidates[0], *rest)
        return path

    def _exists(self, path: DocPath) -> bool:
        node: Any = self._expanded.tree
        for part in path:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return False
        return True


class _Provenance:
    """Tells which outside values took part in what stands at a path."""

    def __init__(self, scope: Scope) -> None:
        self._used = scope.used
        self._origins = scope.origins
        self._locate = scope.expanded.locate

    def __call__(self, path: DocPath) -> Sequence[Related]:
        path = tuple(path)
        names: dict[str, None] = {}
        for length in range(len(path), 0, -1):
            names.update(dict.fromkeys(self._used.get(path[:length], ())))
        found = [self._related(name) for name in names]
        return tuple(item for item in found if item is not None)

    def _related(self, name: str) -> Related | None:
        if name in self._origins:
            return self._origins[name]
        kind, _, rest = name.partition(":")
        if kind == "mapping":
            keys = rest.split("\x00")
            return Related(self._locate(("Mappings", *keys)), f"mapping {'.'.join(keys)}")
        return None
