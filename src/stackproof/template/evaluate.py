"""The evaluator: walks an expanded template and replaces every intrinsic function by its value."""

from __future__ import annotations

from typing import Any

from stackproof.model import DocPath
from stackproof.template import intrinsics
from stackproof.template.model import ABSENT, Unknown
from stackproof.template.references import References
from stackproof.template.resolve_conditions import LOGICAL, Conditions
from stackproof.template.resolve_scope import MAX_DEPTH, Scope
from stackproof.template.strings import dynamic
from stackproof.template.unknowns import choose, written

_RULE_ONLY = frozenset(
    {
        "Fn::Contains",
        "Fn::EachMemberEquals",
        "Fn::EachMemberIn",
        "Fn::RefAll",
        "Fn::ValueOf",
        "Fn::ValueOfAll",
    }
)


class Evaluator:
    """Evaluates nodes of one scope.

    ``src`` is the path of a node in the expanded tree, ``dst`` its path in the resolved tree, None for
    what does not reach the tree as it stands (an argument of a function).
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.conditions = Conditions(scope, self.decisive)
        self.references = References(scope, self)
        self._depth = 0
        self._deciding = False

    def value(self, node: Any, src: DocPath, dst: DocPath | None = None) -> Any:
        """The value of a node; ``ABSENT`` when it is AWS::NoValue."""
        if isinstance(node, str):
            return dynamic(node, self.scope.live) if "{{resolve:" in node else node
        if not isinstance(node, dict | list):
            return node
        if self._depth >= MAX_DEPTH:
            return self.scope.invalid("SP-RESOLVE-DEPTH", "is nested too deeply to be judged", src, None)
        self._depth += 1
        try:
            return self._list(node, src, dst) if isinstance(node, list) else self._object(node, src, dst)
        finally:
            self._depth -= 1

    def argument(self, node: Any, src: DocPath) -> Any:
        """The value of a function's argument."""
        return self.value(node, src, None)

    def decisive(self, node: Any, src: DocPath) -> Any:
        """The value of a node inside a condition, where secrets count as what they are."""
        before, self._deciding = self._deciding, True
        try:
            return self.value(node, src, None)
        finally:
            self._deciding = before

    @property
    def deciding(self) -> bool:
        """Whether a condition is being evaluated."""
        return self._deciding

    def _list(self, node: list[Any], src: DocPath, dst: DocPath | None) -> list[Any]:
        found: list[Any] = []
        moves = self.scope.moves
        for index, item in enumerate(node):
            here = (*src, index)
            place = None if dst is None else (*dst, len(found))
            value = self.value(item, here, place)
            if value is ABSENT:
                if place is not None:
                    moves.pop(place, None)
                continue
            if place is not None and len(found) != index:
                moves.setdefault(place, (here,))
            found.append(value)
        return found

    def _object(self, node: dict[str, Any], src: DocPath, dst: DocPath | None) -> Any:
        if len(node) == 1:
            ((key, arguments),) = node.items()
            if key == "Ref" or (isinstance(key, str) and key.startswith("Fn::")):
                return self._function(key, arguments, node, src, dst)
        elif "Fn::Transform" in node:
            return self._transform(node)
        else:
            for key in node:
                if isinstance(key, str) and (key in intrinsics.FUNCTIONS or key == "Fn::If"):
                    self.scope.report(
                        "SP-RESOLVE-SHAPE", f"{key} stands beside other keys: it must be alone", (*src, key)
                    )
        found: dict[str, Any] = {}
        for key, item in node.items():
            value = self.value(item, (*src, key), None if dst is None else (*dst, key))
            if value is not ABSENT:
                found[key] = value
        return found

    def _function(self, key: str, arguments: Any, node: Any, src: DocPath, dst: DocPath | None) -> Any:
        inner = (*src, key)
        if key == "Fn::If":
            return self._if(arguments, inner, dst)
        with self.scope.collecting(dst):
            if key == "Ref":
                return self.references.ref(arguments, inner)
            if key == "Fn::GetAtt":
                return self.references.getatt(arguments, inner)
            if key == "Fn::Transform":
                return self._transform(node)
            function = intrinsics.FUNCTIONS.get(key)
            if function is not None:
                return function(self, arguments, inner)
            if key in LOGICAL:
                answer = self.conditions.expression(node, src)
                return Unknown(node, "hangs on an unknown", "boolean") if answer is None else answer
            if key in _RULE_ONLY:
                message = f"{key} is for the Rules section only"
            else:
                message = f"there is no function {key}"
            return self.scope.invalid("SP-RESOLVE-FUNCTION", message, inner, node)

    def _transform(self, node: dict[str, Any]) -> Unknown:
        name = node["Fn::Transform"].get("Name") if isinstance(node["Fn::Transform"], dict) else ""
        return Unknown(node, f"is made by the transform {name or '?'} while it deploys", may_be_empty=True)

    def _if(self, arguments: Any, src: DocPath, dst: DocPath | None) -> Any:
        if not isinstance(arguments, list) or len(arguments) != 3 or not isinstance(arguments[0], str):
            message = "Fn::If takes a condition's name and two values"
            return self.scope.invalid("SP-RESOLVE-SHAPE", message, src, {"Fn::If": arguments})
        name = arguments[0]
        with self.scope.collecting(dst):
            truth = self.conditions.named(name, (*src, 0))
        if truth is not None:
            return self._branch(arguments, 1 if truth else 2, src, dst)
        if name not in self.scope.section("Conditions"):
            return Unknown({"Fn::If": arguments}, f"condition {name} is not defined", may_be_empty=True)
        branches = []
        for index in (1, 2):
            with self.scope.assuming(self.conditions.assume(name, index == 1)):
                branches.append(self._branch(arguments, index, src, dst))
        then, otherwise = branches
        expression = {"Fn::If": [name, written(then), written(otherwise)]}
        return choose(name, then, otherwise, expression)

    def _branch(self, arguments: list[Any], index: int, src: DocPath, dst: DocPath | None) -> Any:
        here = (*src, index)
        if dst is not None:
            known = self.scope.moves.get(dst, ())
            if here not in known:
                # Of several candidates locate() takes the first in which the path exists.
                outer = [move for move in known if move != here[: len(move)]]
                self.scope.moves[dst] = (*outer, here)
        return self.value(arguments[index], here, dst)
