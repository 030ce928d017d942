"""The template's Rules section: assertions about parameters that CloudFormation checks before it deploys.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
"""

from __future__ import annotations

from typing import Any

from stackproof.model import DocPath, Outcome, Related, Severity
from stackproof.template.evaluate import Evaluator
from stackproof.template.model import Choice, Unknown
from stackproof.template.resolve_conditions import conjunction, disjunction
from stackproof.template.resolve_scope import Scope
from stackproof.template.unknowns import equal, text_of


def judge(scope: Scope, evaluator: Evaluator) -> None:
    """Report assertions that fail, and those that cannot be decided."""
    for name, rule in scope.section("Rules").items():
        path: DocPath = ("Rules", name)
        if not isinstance(rule, dict):
            scope.report("SP-RULES-SHAPE", f"rule '{name}' is no object", path)
            continue
        _Rule(scope, evaluator, name).judge(rule, path)


class _Rule:
    """Evaluates one rule and remembers which parameters its answer hangs on."""

    def __init__(self, scope: Scope, evaluator: Evaluator, name: str) -> None:
        self._scope = scope
        self._evaluator = evaluator
        self._name = name

    def judge(self, rule: dict[str, Any], path: DocPath) -> None:
        applies: bool | None = True
        if "RuleCondition" in rule:
            asked: DocPath = (*path, "RuleCondition")
            with self._scope.collecting(asked):
                applies = self._truth(rule["RuleCondition"], asked)
        if applies is False:
            return
        assertions = rule.get("Assertions")
        if not isinstance(assertions, list) or not assertions:
            self._scope.report("SP-RULES-SHAPE", f"rule '{self._name}' has no list of Assertions", path)
            return
        for index, item in enumerate(assertions):
            here: DocPath = (*path, "Assertions", index)
            if not isinstance(item, dict) or "Assert" not in item:
                self._scope.report(
                    "SP-RULES-SHAPE", f"an assertion of rule '{self._name}' has no Assert", here
                )
                continue
            target: DocPath = (*here, "Assert")
            with self._scope.collecting(target):
                held = self._truth(item["Assert"], target)
            if held is not True:
                self._report(item, target, held if applies else None)

    def _report(self, assertion: dict[str, Any], path: DocPath, held: bool | None) -> None:
        used = self._scope.used
        names = dict.fromkeys((*used.get(path, ()), *used.get((*path[:2], "RuleCondition"), ())))
        said = text_of(assertion.get("AssertDescription") or "").strip()
        origins = [self._scope.origins.get(name) for name in names]
        related: list[Related] = [item for item in origins if item is not None]
        if held is False:
            message = f"rule '{self._name}' is broken" + (f": {said}" if said else "")
            self._scope.report("SP-RULES-ASSERTION", message, path, related=related)
            return
        message = f"rule '{self._name}' cannot be decided" + (f": {said}" if said else "")
        if not any(map(self._can_be_given, names)):
            message += " (only the deploy knows what it asks for)"
            self._scope.report(
                "SP-RULES-ASSERTION",
                message,
                path,
                related=related,
                outcome=Outcome.NOTE,
                severity=Severity.INFO,
            )
            return
        self._scope.report(
            "SP-RULES-ASSERTION",
            message,
            path,
            related=related,
            outcome=Outcome.UNDECIDED,
            severity=Severity.WARNING,
            fix="give the parameters that it asks for a value in the configuration",
        )

    def _can_be_given(self, origin: str) -> bool:
        """Whether a configuration can decide it: not what the account or the parameter store holds."""
        kind, _, name = origin.partition(":")
        value = self._scope.values.get(name) if kind == "parameter" else None
        declared = self._scope.section("Parameters").get(name)
        stored = isinstance(declared, dict) and text_of(declared.get("Type")).startswith("AWS::SSM::")
        return isinstance(value, Unknown) and not stored

    def _truth(self, node: Any, path: DocPath) -> bool | None:
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict) or len(node) != 1:
            return self._wrong("a rule-specific function", path)
        ((key, arguments),) = node.items()
        inner: DocPath = (*path, key)
        match key:
            case "Fn::Not" if isinstance(arguments, list) and len(arguments) == 1:
                answer = self._truth(arguments[0], (*inner, 0))
                return None if answer is None else not answer
            case "Fn::And" | "Fn::Or" if isinstance(arguments, list):
                answers = [self._truth(item, (*inner, i)) for i, item in enumerate(arguments)]
                return conjunction(answers) if key == "Fn::And" else disjunction(answers)
            case "Fn::Equals" if isinstance(arguments, list) and len(arguments) == 2:
                left, right = (self._value(item, (*inner, i)) for i, item in enumerate(arguments))
                return None if isinstance(left, Choice) or isinstance(right, Choice) else equal(left, right)
            case "Fn::Contains" | "Fn::EachMemberEquals" | "Fn::EachMemberIn":
                return self._members(key, arguments, inner)
        return self._wrong("a rule-specific function", inner)

    def _members(self, key: str, arguments: Any, path: DocPath) -> bool | None:
        if not isinstance(arguments, list) or len(arguments) != 2:
            return self._wrong(f"for {key} a list of two", path)
        left, right = (self._value(item, (*path, i)) for i, item in enumerate(arguments))
        if key == "Fn::Contains":
            return _among(right, left)
        if isinstance(left, Unknown) and left.values and isinstance(right, list):
            # Each item is one of the values: all of them allowed decides it whatever is chosen.
            if key == "Fn::EachMemberIn" and conjunction([_among(v, right) for v in left.values]):
                return True
            return None
        if not isinstance(left, list):
            return None if isinstance(left, Unknown | Choice) else self._wrong(f"for {key} a list", path)
        if key == "Fn::EachMemberEquals":
            return conjunction([equal(item, right) for item in left])
        return conjunction([_among(item, right) for item in left])

    def _value(self, node: Any, path: DocPath) -> Any:
        if isinstance(node, list):
            return [self._value(item, (*path, i)) for i, item in enumerate(node)]
        if isinstance(node, dict) and len(node) == 1:
            ((key, arguments),) = node.items()
            inner: DocPath = (*path, key)
            if key == "Fn::RefAll":
                reason = f"the {text_of(arguments)} of the account"
                return Unknown(node, reason, "list", may_be_empty=True, sources=(f"Fn::RefAll:{arguments}",))
            if key in {"Fn::ValueOf", "Fn::ValueOfAll"}:
                reason = "is an attribute of something that exists already"
                kind = "string" if key == "Fn::ValueOf" else "list"
                return Unknown(node, reason, kind, may_be_empty=True)
            if key in {"Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"}:
                answer = self._members(key, arguments, inner)
                return Unknown(node, "hangs on an unknown", "boolean") if answer is None else answer
        return self._evaluator.decisive(node, path)

    def _wrong(self, takes: str, path: DocPath) -> bool | None:
        self._scope.report("SP-RULES-SHAPE", f"rule '{self._name}': expected {takes}", path)
        return None


def _among(value: Any, options: Any) -> bool | None:
    """Whether a value is one of the options."""
    if isinstance(value, Choice) or not isinstance(options, list):
        return None
    return disjunction([None if isinstance(item, Choice) else equal(value, item) for item in options])
