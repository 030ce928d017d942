"""What judging one template gives, in the form that the cache keeps and the workers send."""

from __future__ import annotations

from dataclasses import dataclass

from stackproof.model import Finding, Judged, Problem, RuleInfo
from stackproof.verdict.suppress import InlineSuppression

RESOLVED = "resolved"
"""The stage of everything that looks at the template as it will be deployed."""

WRITTEN = "written"
"""The stage of cfn-lint on the template as written."""

OUTSIDE = "outside"
"""The stage of cfn-lint's E3 rules on the values that came from outside."""


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage of one template. ``reads`` are the files that it hangs on besides the template."""

    stage: str
    findings: tuple[Finding, ...] = ()
    suppressions: tuple[InlineSuppression, ...] = ()
    judged: Judged | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EstateResult:
    """The answer of a whole run before anything is suppressed or decided: what the cache keeps of it."""

    findings: tuple[Finding, ...] = ()
    suppressions: tuple[InlineSuppression, ...] = ()
    judged: tuple[Judged, ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    rules: tuple[RuleInfo, ...] = ()
    cut_off: tuple[str, ...] = ()
