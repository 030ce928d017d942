"""The Conditions section: true, false or unknown, also inside the branches of unknown conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stackproof.model import DocPath
from stackproof.template.model import Choice, Unknown
from stackproof.template.resolve_scope import Assumptions, Scope
from stackproof.template.unknowns import equal, unknowns

Evaluate = Callable[[Any, DocPath], Any]
"""Evaluates an expression (not a condition) at a path of the expanded tree."""

LOGICAL = ("Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Condition")


def conjunction(answers: Sequence[bool | None]) -> bool | None:
    """All of them, in three-valued logic."""
    return False if False in answers else None if None in answers else True


def disjunction(answers: Sequence[bool | None]) -> bool | None:
    """Any of them, in three-valued logic."""
    return True if True in answers else None if None in answers else False


class Conditions:
    """Evaluates conditions by name or expression, each name once for what is assumed."""

    def __init__(self, scope: Scope, evaluate: Evaluate) -> None:
        self._scope = scope
        self._evaluate = evaluate
        self._known: dict[tuple[str, int], bool | None] = {}
        self._origins: dict[str, tuple[str, ...]] = {}
        self._frames: dict[int, Assumptions] = {}
        self._open: list[str] = []

    def every(self) -> dict[str, bool | None]:
        """All conditions of the template by name."""
        return {name: self.named(name, ("Conditions", name)) for name in self._scope.section("Conditions")}

    def named(self, name: str, path: DocPath) -> bool | None:
        """The value of a condition by its name; ``path`` is where the name is used."""
        scope = self._scope
        if name in scope.assumed.conditions:
            return scope.assumed.conditions[name]
        section = scope.section("Conditions")
        if name not in section:
            known = ", ".join(sorted(section)[:8])
            scope.report(
                "SP-RESOLVE-CONDITION",
                f"condition '{name}' is not defined" + (f"; defined are {known}" if known else ""),
                path,
                fix="define it in the Conditions section or correct the name",
            )
            return None
        key = (name, id(scope.assumed) if scope.assumed else 0)
        if key not in self._known:
            if name in self._open:
                chain = " → ".join([*self._open[self._open.index(name) :], name])
                scope.report(
                    "SP-RESOLVE-CYCLE", f"the conditions need each other: {chain}", ("Conditions", name)
                )
                return None
            self._frames[key[1]] = scope.assumed
            self._open.append(name)
            try:
                self._known[key] = self._traced(name, section[name])
            finally:
                self._open.pop()
        for origin in self._origins.get(name, ()):
            scope.use(origin)
        return self._known[key]

    def _traced(self, name: str, expression: Any) -> bool | None:
        """Evaluate and remember the outside values: a later use of the name has them too."""
        target: DocPath = ("Conditions", name)
        with self._scope.collecting(target):
            answer = self.expression(expression, target)
        self._origins[name] = self._scope.used.get(target, ())
        return answer

    def expression(self, node: Any, path: DocPath) -> bool | None:
        """The value of a condition expression; a wrong shape is reported and unknown."""
        if isinstance(node, bool):
            return node
        if isinstance(node, str) and node.lower() in {"true", "false"}:
            return node.lower() == "true"
        if not isinstance(node, dict) or len(node) != 1:
            return self._wrong(path, f"a condition is one of {', '.join(LOGICAL)}")
        ((key, arguments),) = node.items()
        inner: DocPath = (*path, key)
        match key:
            case "Condition":
                if isinstance(arguments, str):
                    return self.named(arguments, inner)
                return self._wrong(inner, "Condition takes the name of a condition")
            case "Fn::Not":
                if not isinstance(arguments, list) or len(arguments) != 1:
                    return self._wrong(inner, "Fn::Not takes a list of one condition")
                answer = self.expression(arguments[0], (*inner, 0))
                return None if answer is None else not answer
            case "Fn::And" | "Fn::Or":
                if not isinstance(arguments, list) or not arguments:
                    return self._wrong(inner, f"{key} takes a list of conditions")
                answers = [self.expression(item, (*inner, i)) for i, item in enumerate(arguments)]
                return conjunction(answers) if key == "Fn::And" else disjunction(answers)
            case "Fn::Equals":
                return self._equals(arguments, inner)
        return self._wrong(inner, f"'{key}' is no condition function")

    def _equals(self, arguments: Any, path: DocPath) -> bool | None:
        if not isinstance(arguments, list) or len(arguments) != 2:
            return self._wrong(path, "Fn::Equals takes a list of two values")
        left, right = (self._evaluate(item, (*path, i)) for i, item in enumerate(arguments))
        if any(isinstance(value, Choice) for value in (left, right)):
            return None
        return equal(left, right)

    def _wrong(self, path: DocPath, message: str) -> bool | None:
        self._scope.report("SP-RESOLVE-SHAPE", message, path)
        return None

    def assume(self, name: str, truth: bool) -> Assumptions:
        """What holds when a condition is ``truth``: it, and what must follow for others and parameters."""
        before = self._scope.assumed
        state = _State(dict(before.conditions), dict(before.equals), dict(before.differs))
        self._learn(name, truth, state)
        return Assumptions(state.conditions, state.equals, state.differs)

    def _learn(self, name: str, truth: bool, state: _State) -> None:
        if name in state.conditions:
            return
        state.conditions[name] = truth
        self._follow(self._scope.section("Conditions").get(name), truth, state)

    def _follow(self, node: Any, truth: bool, state: _State) -> None:
        if not isinstance(node, dict) or len(node) != 1:
            return
        ((key, arguments),) = node.items()
        if key == "Condition" and isinstance(arguments, str):
            self._learn(arguments, truth, state)
        elif not isinstance(arguments, list):
            return
        elif key == "Fn::Not" and len(arguments) == 1:
            self._follow(arguments[0], not truth, state)
        elif (key == "Fn::And" and truth) or (key == "Fn::Or" and not truth):
            for item in arguments:
                self._follow(item, truth, state)
        elif key in {"Fn::And", "Fn::Or"}:
            self._follow_last(arguments, truth, state)
        elif key == "Fn::Equals" and len(arguments) == 2:
            self._follow_equals(arguments, truth, state)

    def _follow_last(self, items: list[Any], truth: bool, state: _State) -> None:
        """All but one decided the other way: the last one decides."""
        path: DocPath = ("Conditions",)
        opens = [item for item in items if self.expression(item, path) is None]
        if len(opens) == 1 and all(
            self.expression(item, path) is not truth for item in items if item is not opens[0]
        ):
            self._follow(opens[0], truth, state)

    def _follow_equals(self, arguments: list[Any], truth: bool, state: _State) -> None:
        path: DocPath = ("Conditions",)
        for this, other in (arguments, reversed(arguments)):
            name = this.get("Ref") if isinstance(this, dict) and len(this) == 1 else None
            known = self._scope.values.get(name) if isinstance(name, str) else None
            if not isinstance(name, str) or not isinstance(known, Unknown):
                continue
            if known.kind == "list" or name in self._scope.secret:
                continue
            value = self._evaluate(other, path)
            if isinstance(value, dict | list) or next(unknowns(value), None) is not None:
                continue
            if truth:
                state.equals.setdefault(name, value)
            else:
                state.differs[name] = (*state.differs.get(name, ()), value)


class _State:
    """Assumptions while they are being drawn."""

    def __init__(
        self, conditions: dict[str, bool], equals: dict[str, Any], differs: dict[str, tuple[Any, ...]]
    ) -> None:
        self.conditions = conditions
        self.equals = equals
        self.differs = differs
