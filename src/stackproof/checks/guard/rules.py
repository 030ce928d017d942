"""What the engine itself can say of a template."""

from __future__ import annotations

from stackproof.model import RuleInfo

EVALUATION = RuleInfo(
    id="SP-GUARD-EVALUATION",
    title="A Guard rule cannot be evaluated on this template",
    why="The engine gave up on the rule, so nobody knows whether the template keeps it.",
    fix="Guard the clause with `when ... exists` or compare values of one kind.",
    engine="guard",
)

RULES: dict[str, RuleInfo] = {EVALUATION.id: EVALUATION}
