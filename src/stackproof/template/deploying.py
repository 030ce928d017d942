"""A template that is resolved while it deploys: resource by resource, with what is known by then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackproof.model import DocPath
from stackproof.template.constraints import declaration
from stackproof.template.evaluate import Evaluator
from stackproof.template.live import Live
from stackproof.template.model import ABSENT, Configuration, Expanded
from stackproof.template.resolve_parameters import convert, settle
from stackproof.template.resolve_scope import Scope
from stackproof.template.unknowns import text_of


class Deploying:
    """The same evaluator that judges a template, with the answers of ``live``.

    Secrets (NoEcho) come out as they are: a deployment needs them. A value that is still unknown stays an
    ``Unknown``; ``complaints`` says what the evaluator had to say of what was evaluated since the last call.
    """

    def __init__(
        self,
        expanded: Expanded,
        configuration: Configuration,
        live: Live,
        exports: Mapping[str, Any],
    ) -> None:
        self._scope = Scope(expanded, configuration, exports, live=live)
        settle(self._scope)
        self._scope.values.update(self._scope.secret)
        self._read_store(live)
        self._evaluator = Evaluator(self._scope)
        self.conditions = self._evaluator.conditions.every()
        self._told = len(self._scope.findings)

    def _read_store(self, live: Live) -> None:
        for name, raw in self._scope.section("Parameters").items():
            declared = declaration(name, raw) if isinstance(raw, dict) else None
            if declared is None or not declared.from_store:
                continue
            given = self._scope.configuration.parameters.get(name)
            key = given.value if given is not None else declared.default
            if key is not None:
                self._scope.values[name] = convert(declared, live.stored(text_of(key)))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters as they take part, secrets included."""
        return self._scope.values

    def exists(self, node: Any) -> bool:
        """Whether the condition of a resource or an output holds."""
        condition = node.get("Condition") if isinstance(node, dict) else None
        return not isinstance(condition, str) or self.conditions.get(condition) is not False

    def section(self, name: str) -> dict[str, Any]:
        """The entries of a section whose condition holds, as they are written."""
        return {key: node for key, node in self._scope.section(name).items() if self.exists(node)}

    def value(self, path: DocPath) -> Any:
        """The value at a path of the expanded template, ``ABSENT`` when there is none."""
        node: Any = self._scope.tree
        for part in path:
            if isinstance(node, dict) and part in node:
                node = node[part]
            else:
                return ABSENT
        return self._evaluator.value(node, path)

    def complaints(self) -> list[str]:
        """What went wrong in the evaluations since the last call."""
        new = self._scope.findings[self._told :]
        self._told = len(self._scope.findings)
        return [finding.message for finding in new]
