"""Running the rules over a template without asking the same question for every rule."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cfnlint.rules._rules as rules_module
from cfnlint.rules.jsonschema import CfnLint as keyword_module  # noqa: N813 - a module, not a class

from stackproof.checks.lint.compat.patching import is_known, replace


def rules() -> None:
    """Run the rules without asking the configuration once a rule and every rule for every resource."""

    def run(self: Any, filename: Any, cfn: Any, config: Any) -> Iterator[Any]:
        enabled = _prepare(self, cfn, config)
        for rule_id, rule in self.data.items():
            if not _is_wanted(rule_id):
                continue
            checked = self.run_check(rule.matchall, filename, rule_id, config, enabled, filename, cfn)
            yield from (match for match in checked if match.rule.id in enabled)
        yield from _of_resources(self, filename, cfn, config, enabled)

    replace(rules_module.Rules, "run", run)


def _of_resources(rules: Any, filename: Any, cfn: Any, config: Any, enabled: set[str]) -> Iterator[Any]:
    # The stock matchall_resource_properties answers only for the rule's own resource types.
    stock = rules_module.CloudFormationLintRule.matchall_resource_properties
    by_type = [
        (
            rule_id,
            rule.matchall_resource_properties,
            None
            if type(rule).matchall_resource_properties is not stock
            else frozenset(rule.resource_property_types),
        )
        for rule_id, rule in rules.data.items()
    ]
    for name, body in cfn.get_resources().items():
        kind, properties = body.get("Type"), body.get("Properties")
        if not isinstance(kind, str) or not isinstance(properties, dict):
            continue
        given = (filename, cfn, properties, kind, ["Resources", name, "Properties"])
        for rule_id, judge, kinds in by_type:
            if kinds is None or kind in kinds:
                checked = rules.run_check(judge, filename, rule_id, config, enabled, *given)
                yield from (match for match in checked if match.rule.id in enabled)


def _prepare(rules: Any, cfn: Any, config: Any) -> set[str]:
    """Configure, start and link the rules for one template; the ids of those that are enabled."""
    _keyword_rules.clear()
    _shorten_keyword(rules)
    configured, experimental = config.configure_rules, config.include_experimental
    wanted = {
        "include_experimental": experimental,
        "ignore_rules": config.ignore_checks,
        "include_rules": config.include_checks,
        "mandatory_rules": config.mandatory_checks,
    }
    enabled = set()
    for rule_id, rule in rules.data.items():
        rule.configure(configured.get(rule_id, None), experimental)
        rule.initialize(cfn)
        if rule.is_enabled(**wanted):
            enabled.add(rule_id)
    data = rules.data
    for rule_id, rule in data.items():
        for key in rule.child_rules:
            if key in data:
                rule.child_rules[key] = data[key]
        for parent in rule.parent_rules:
            if parent in data:
                data[parent].child_rules[rule_id] = rule
    return enabled


_keyword_rules: dict[tuple[int, str], list[Any]] = {}
"""The rules that listen to a keyword, by the rule E1101 and the keyword, for the template at hand."""

_only: list[str] = []


@contextlib.contextmanager
def only(prefix: str) -> Iterator[None]:
    """Let only rules with this prefix speak, where that can be done; the others' matches are not wanted.

    This saves time and nothing else: whoever asks still filters the matches.
    """
    _only.append(prefix)
    try:
        yield
    finally:
        _only.pop()


def _is_wanted(rule_id: str) -> bool:
    """Rules of schemas (E0, E1) lead to all others; W and I rules speak for themselves only."""
    return not _only or rule_id.startswith((_only[-1], "E0", "E1"))


def _listening(rule: Any, keyword: str) -> list[Any]:
    key = (id(rule), keyword)
    if key not in _keyword_rules:
        _keyword_rules[key] = [
            child
            for child in rule.child_rules.values()
            if child is not None and child.id and (not _only or child.id.startswith(_only[-1]))
            for listened in child.keywords
            if listened == keyword
        ]
    return _keyword_rules[key]


def _cfn_lint(self: Any, validator: Any, keywords: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Find the rules of a keyword by a table instead of comparing it with those of every rule."""
    inner = validator.evolve(function_filter=validator.function_filter.evolve(add_cfn_lint_keyword=False))
    for keyword in keywords:
        for rule in _listening(self, keyword):
            for error in rule.validate(inner, keyword, instance, schema):
                if error.rule is None and isinstance(error.validator, keyword_module.Unset):
                    error.rule = rule
                yield error


def _shorten_keyword(rules: Any) -> None:
    """cfn-lint loads its rules as modules of their own, so the class is only known from a loaded rule."""
    rule = rules.data.get(keyword_module.CfnLint.id)
    if rule is None or type(rule).cfnLint is _cfn_lint:
        return
    loaded_from = type(rule).cfnLint.__code__.co_filename
    if Path(loaded_from) == Path(str(keyword_module.__file__)) and is_known(keyword_module):
        replace(type(rule), "cfnLint", _cfn_lint)


def _nothing() -> None:
    """The shortcut of the rule E1101 is installed by that of the rules, when they run."""


SHORTCUTS: dict[ModuleType, Callable[[], None]] = {
    rules_module: rules,
    keyword_module: _nothing,
}
