"""What ``stackproof test`` can say of a Guard rule."""

from __future__ import annotations

from stackproof.model import RuleInfo, Severity

_ALL = (
    RuleInfo(
        id="SP-TEST-EXPECTATION",
        title="A Guard rule answers otherwise than its test expects",
        why="Either the rule or the test says something that is not meant.",
        fix="Correct the rule, or the expectation.",
        engine="test",
    ),
    RuleInfo(
        id="SP-TEST-COVERAGE",
        title="A Guard rule has no case for one of its answers",
        why="Nobody has seen the rule pass, fail or step aside.",
        fix="Add a case whose input makes the rule answer so.",
        engine="test",
    ),
    RuleInfo(
        id="SP-TEST-MUTATION",
        title="A Guard rule does not notice that a property it compares is broken",
        severity=Severity.WARNING,
        why="In no compliant case does the answer depend on the property: no test shows that the rule looks.",
        fix="Correct the clause, or add a compliant case in which only this property satisfies the rule.",
        engine="test",
    ),
    RuleInfo(
        id="SP-TEST-ORPHAN",
        title="A test file belongs to no rule file",
        why="Its cases are not run: the rules that it was written for went away or have another name.",
        fix="Rename it after its rule file (X_tests.yaml for X.guard), or remove it.",
        engine="test",
    ),
)
EXPECTATION, COVERAGE, MUTATION, ORPHAN = _ALL

RULES: dict[str, RuleInfo] = {rule.id: rule for rule in _ALL}
