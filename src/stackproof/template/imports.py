"""The exports that a stack can import: those of the other stacks of its environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.model import Related
from stackproof.template.exports import ExportCycle, Exports, foreign
from stackproof.template.model import ABSENT, Configuration, Expanded, Resolved, Unknown
from stackproof.template.resolve import resolve
from stackproof.template.unknowns import possible

if TYPE_CHECKING:
    from stackproof.template.estate import Estate


class EnvironmentExports(Exports):
    """Looks an export up when it is imported, and resolves the stack that exports it first.

    A template without any configuration of its own counts in every environment.
    """

    def __init__(self, estate: Estate, file: str, configuration: Configuration) -> None:
        self._estate = estate
        self._file = file
        self._environment = configuration.environment
        self._origins: dict[str, Related] = {}

    def __getitem__(self, name: str) -> Any:
        uncertain = False
        for file in self._estate.exporters(name):
            if self._estate.visiting(file):
                circle = self._circle(file, name)
                if circle:
                    return ExportCycle(circle)
                uncertain = uncertain or file != self._file
                instances = self._estate.existing(file)
            else:
                instances = self._estate.instances(file)
            for instance in instances:
                if instance.configuration.environment not in {self._environment, ""}:
                    continue
                if name in instance.exports:
                    return self._found(name, instance)
                uncertain = uncertain or _may_export(instance, name)
        if uncertain or not self._environment:
            expression = {"Fn::ImportValue": name}
            return Unknown(expression, "is exported by another stack", "string", sources=(f"export:{name}",))
        raise KeyError(name)

    def _found(self, name: str, instance: Resolved) -> Any:
        from stackproof.template.estate import export_place

        file = instance.expanded.document.file
        self._origins[name] = Related(export_place(instance, name), f"export '{name}' of {file}")
        return foreign(instance.exports[name], {"Fn::ImportValue": name}, f"export:{name}")

    def _circle(self, file: str, name: str) -> tuple[str, ...]:
        """The templates round the circle, when a stack that is being resolved exports the name."""
        chain = [open_file for open_file, _ in self._estate.open]
        for open_file, configuration in self._estate.open:
            if open_file != file or configuration.environment != self._environment:
                continue
            expanded = self._estate.expanded(file, configuration)
            if expanded is not None and name in _names(expanded, configuration):
                return (*chain[chain.index(file) :], file)
        return ()

    def origin(self, name: str) -> Related | None:
        return self._origins.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._origins)

    def __len__(self) -> int:
        return len(self._origins)


def _names(expanded: Expanded, configuration: Configuration) -> frozenset[str]:
    """The names that a template exports, without resolving its resources or importing anything."""
    outputs = expanded.tree.get("Outputs")
    bare = {
        key: {**{part: item for part, item in output.items() if part != "Value"}, "Value": ""}
        for key, output in (outputs.items() if isinstance(outputs, Mapping) else ())
        if isinstance(output, Mapping)
    }
    tree: dict[str, Any] = {
        key: expanded.tree[key] for key in ("Parameters", "Mappings", "Conditions") if key in expanded.tree
    }
    tree.update(Resources={}, Outputs=bare)
    small = replace(expanded, tree=tree)
    return frozenset(resolve(small, configuration).exports)


def _may_export(instance: Resolved, name: str) -> bool:
    outputs = instance.tree.get("Outputs", {})
    for output in outputs.values():
        export = output.get("Export") if isinstance(output, Mapping) else None
        given = export.get("Name") if isinstance(export, Mapping) else ABSENT
        if isinstance(given, Unknown) and possible(given, name):
            return True
    return False
