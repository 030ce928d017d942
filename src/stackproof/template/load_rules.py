"""The rules of the load side: what can be wrong with a file before anything is judged.

Each entry is what ``explain`` and SARIF show for a finding of discover, load, transform or assembly.
"""

from __future__ import annotations

from stackproof.model import Finding, Location, Outcome, RuleInfo, Severity

SOURCE = "template"


def _rule(rule: str, title: str, fix: str, severity: Severity = Severity.ERROR) -> RuleInfo:
    return RuleInfo(id=rule, title=title, fix=fix, severity=severity, engine=SOURCE)


_ALL = (
    _rule("SP-LOAD-READ", "The file cannot be read", "Check that it exists and its permissions."),
    _rule("SP-LOAD-SIZE", "The file is larger than the limit", "Split it, or raise max_file_size."),
    _rule("SP-LOAD-NAME", "The file's name is not UTF-8 text", "Rename the file."),
    _rule("SP-LOAD-BINARY", "The file is binary", "Name a YAML or JSON template."),
    _rule("SP-LOAD-ENCODING", "The file is not UTF-8 text", "Save it as UTF-8."),
    _rule("SP-LOAD-EMPTY", "The file is empty", "Add a Resources section or delete the file."),
    _rule("SP-LOAD-SYNTAX", "The file is neither valid YAML nor valid JSON", "Repair the syntax there."),
    _rule("SP-LOAD-TABS", "A tab is used for indentation", "Indent with spaces."),
    _rule("SP-LOAD-DUPLICATE", "A key is given twice", "Keep one of them."),
    _rule("SP-LOAD-TAG", "A YAML tag is not an intrinsic function", "Correct the tag's name."),
    _rule("SP-LOAD-ALIASES", "Aliases expand to too many values", "Write the values out."),
    _rule("SP-LOAD-DEPTH", "The nesting is too deep", "Flatten the document."),
    _rule("SP-LOAD-DOCUMENTS", "The file holds several YAML documents", "Keep one template a file."),
    _rule("SP-LOAD-SHAPE", "A section has the wrong type", "Write it as the template anatomy says."),
    _rule("SP-LOAD-VERSION", "The template's format version is not known", 'Use "2010-09-09".'),
    _rule(
        "SP-LOAD-NOT-A-TEMPLATE",
        "The named file is not a template",
        "Leave it out, or give it a Resources section.",
        Severity.WARNING,
    ),
    _rule("SP-TRANSFORM-FOREACH", "A loop cannot be expanded", "Correct Fn::ForEach as written there."),
    _rule("SP-TRANSFORM-INCLUDE", "An include cannot be read", "Correct its Location."),
    _rule(
        "SP-TRANSFORM-NOT-INCLUDED",
        "An include is not a local file",
        "Map its location with template_urls to a local file.",
        Severity.WARNING,
    ),
    _rule("SP-TRANSFORM-SAM", "The SAM transform refuses the template", "Correct the resource."),
    _rule(
        "SP-TRANSFORM-MACRO",
        "A macro cannot be expanded here",
        "Judge the template that the macro writes as well.",
        Severity.WARNING,
    ),
    _rule("SP-ASSEMBLY-MANIFEST", "The assembly's manifest is missing or broken", "Synthesize again."),
    _rule(
        "SP-ASSEMBLY-VERSION",
        "The assembly follows a later schema",
        "Use a stackproof that knows it.",
        Severity.WARNING,
    ),
    _rule(
        "SP-ASSEMBLY-OUTSIDE",
        "The assembly names a file outside of the project",
        "Synthesize again, with the project's own files only.",
    ),
    _rule("SP-ASSEMBLY-TEMPLATE", "A template of the assembly is missing", "Synthesize again."),
    _rule("SP-ASSEMBLY-ASSET", "An asset of the assembly is missing", "Synthesize again."),
    _rule("SP-ASSEMBLY-HASH", "A template asset's content is not its hash", "Synthesize again."),
    _rule("SP-ASSEMBLY-KEY", "Asset id, path and destination disagree", "Synthesize again."),
)

RULES: dict[str, RuleInfo] = {rule.id: rule for rule in _ALL}


def finding(
    rule: str,
    message: str,
    location: Location,
    *,
    path: tuple[str | int, ...] = (),
    outcome: Outcome = Outcome.FAIL,
    fix: str = "",
) -> Finding:
    """A finding of one of ``RULES``, with the rule's severity and, unless given, the rule's fix."""
    info = RULES[rule]
    logical_id = str(path[1]) if len(path) > 1 and path[0] == "Resources" else ""
    return Finding(
        rule=rule,
        message=message,
        location=location,
        outcome=outcome,
        severity=info.severity,
        source=SOURCE,
        path=path,
        logical_id=logical_id,
        fix=fix or info.fix,
    )
