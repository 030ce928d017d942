"""What is known of the findings that the verdict itself makes: suppressions that do not hold."""

from __future__ import annotations

from stackproof.model import RuleInfo, Severity
from stackproof.verdict.governance import EXPIRED, FORBIDDEN, UNGOVERNED, UNUSED
from stackproof.verdict.suppress import MALFORMED

_TABLE = (
    (
        EXPIRED,
        "A suppression is past its date",
        "The date was a promise to look again; what it silenced counts since then.",
        "Mend the finding, or decide anew with a new reason and a new date.",
        Severity.ERROR,
    ),
    (
        UNUSED,
        "A suppression silences nothing",
        "It would silence the next real finding without anybody knowing.",
        "Remove it, or correct its rule, place or configurations.",
        Severity.WARNING,
    ),
    (
        MALFORMED,
        "A suppression lacks its rule, reason or date, or has a key that is not known",
        "An exception that nobody can explain or that never ends is not governed.",
        "Give rule, reason and until (an ISO date); see the README, Suppressions.",
        Severity.ERROR,
    ),
    (
        FORBIDDEN,
        "The organisation does not allow this suppression",
        "[tool.stackproof.governance] forbids suppressions in templates, of this rule, or for this long.",
        "Mend the finding, or ask those who own the governance table.",
        Severity.ERROR,
    ),
    (
        UNGOVERNED,
        "A suppression of cfn-lint or Guard counts for nothing here",
        "The tools' own mechanisms carry neither a reason nor a date, and governance refuses them.",
        "Write it as Metadata.stackproof.suppress with a reason and a date.",
        Severity.ERROR,
    ),
)

RULES: dict[str, RuleInfo] = {
    rule: RuleInfo(id=rule, title=title, why=why, fix=fix, severity=severity, engine="verdict")
    for rule, title, why, fix, severity in _TABLE
}
"""Every rule of this room, by its id."""
