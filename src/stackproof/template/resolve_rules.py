"""The rules of the resolve side: what can be wrong with configurations, values, references and stacks.

Each entry is what ``explain`` and SARIF show for a finding of configurations, resolve or the estate.
"""

from __future__ import annotations

from stackproof.model import RuleInfo, Severity

_REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"


def _rule(
    rule: str, title: str, fix: str, severity: Severity = Severity.ERROR, page: str = "", why: str = ""
) -> RuleInfo:
    source = f"{_REFERENCE}{page}" if page else ""
    return RuleInfo(
        id=rule, title=title, fix=fix, severity=severity, why=why, source=source, engine="template"
    )


_INFO, _WARNING = Severity.INFO, Severity.WARNING
_PARAMETERS = "parameters-section-structure.html"
_FUNCTIONS = "intrinsic-function-reference.html"
_NESTED = "using-cfn-nested-stacks.html"
_EXPORTS = "using-cfn-stack-exports.html"
_REFUSED = "CloudFormation refuses the deploy."

_ALL = (
    _rule("SP-CONFIG-READ", "A configuration file cannot be read", "Check its permissions and size."),
    _rule("SP-CONFIG-SYNTAX", "A configuration file is not valid JSON, YAML or TOML", "Repair it there."),
    _rule("SP-CONFIG-SHAPE", "A configuration file has none of the known forms", "Use one of AWS's forms."),
    _rule("SP-CONFIG-DUPLICATE", "A configuration says something twice", "Keep one of them."),
    _rule("SP-CONFIG-VALUE", "A parameter value or tag is no string", "Put it in quotes."),
    _rule(
        "SP-CONFIG-UNKNOWN-PARAMETER",
        "A configuration names a parameter that the template does not declare",
        "Declare it, or take it out of the file.",
        why=_REFUSED,
    ),
    _rule(
        "SP-CONFIG-BOUND",
        "Not every combination of allowed values was judged",
        "Add a configuration or defaults, or raise allowed_values_limit.",
        _INFO,
    ),
    _rule("SP-PARAM-MISSING", "A parameter has neither value nor default", "Give it one.", page=_PARAMETERS),
    _rule("SP-PARAM-TYPE", "A value is not of its parameter's type", "Correct the value.", page=_PARAMETERS),
    _rule("SP-PARAM-ALLOWED-VALUES", "A value is not among AllowedValues", "Use one.", page=_PARAMETERS),
    _rule("SP-PARAM-PATTERN", "A value does not match AllowedPattern", "Correct it.", page=_PARAMETERS),
    _rule("SP-PARAM-LENGTH", "A value is too short or too long", "Correct its length.", page=_PARAMETERS),
    _rule("SP-PARAM-RANGE", "A number is too small or too large", "Correct it.", page=_PARAMETERS),
    _rule(
        "SP-RULES-ASSERTION",
        "An assertion of the template's Rules section fails, or cannot be decided",
        "Give the parameters values that the rule allows.",
        page="rules-section-structure.html",
    ),
    _rule("SP-RULES-SHAPE", "A rule of the Rules section has a wrong shape", "Write it as documented."),
    _rule("SP-RESOLVE-REF", "Ref to nothing", "Correct the name.", page=_FUNCTIONS, why=_REFUSED),
    _rule("SP-RESOLVE-GETATT", "Fn::GetAtt of nothing", "Correct the name.", page=_FUNCTIONS, why=_REFUSED),
    _rule("SP-RESOLVE-CONDITION", "A condition is not defined", "Define it.", page=_FUNCTIONS, why=_REFUSED),
    _rule("SP-RESOLVE-MAPPING", "A mapping has no such key", "Add the key.", page=_FUNCTIONS, why=_REFUSED),
    _rule(
        "SP-RESOLVE-SELECT", "Fn::Select beyond the end", "Correct the index.", page=_FUNCTIONS, why=_REFUSED
    ),
    _rule("SP-RESOLVE-CIDR", "Fn::Cidr cannot be computed", "Correct its arguments.", page=_FUNCTIONS),
    _rule("SP-RESOLVE-SHAPE", "A function has arguments of a wrong shape", "Write it as documented."),
    _rule("SP-RESOLVE-FUNCTION", "There is no such function", "Correct its name.", page=_FUNCTIONS),
    _rule("SP-RESOLVE-DEPTH", "The nesting is too deep", "Flatten the expression."),
    _rule("SP-RESOLVE-CYCLE", "Things need each other in a circle", "Break the circle.", why=_REFUSED),
    _rule("SP-RESOLVE-DEPENDSON", "DependsOn names nothing", "Correct the name.", why=_REFUSED),
    _rule(
        "SP-RESOLVE-REMOVED",
        "A reference to a resource whose condition is false in this configuration",
        "Put the reference into an Fn::If over the same condition.",
        why=_REFUSED,
    ),
    _rule("SP-RESOLVE-SHADOW", "A resource has the name of a parameter", "Rename one of them."),
    _rule(
        "SP-RESOLVE-IMPORT",
        "No stack of the estate exports what is imported",
        "Export it from a sibling stack of the same environment, or correct the name.",
        _WARNING,
        _EXPORTS,
    ),
    _rule(
        "SP-RESOLVE-IMPORT-CYCLE", "Stacks import from each other", "Break the circle.", _WARNING, _EXPORTS
    ),
    _rule(
        "SP-EXPORT-TWICE",
        "Two stacks export the same name",
        "Rename one export.",
        page=_EXPORTS,
        why=_REFUSED,
    ),
    _rule(
        "SP-NEST-PARAMETER", "Parent and child disagree about parameters", "Make them agree.", page=_NESTED
    ),
    _rule("SP-NEST-VALUE", "A value that the child does not allow", "Correct the value.", page=_NESTED),
    _rule("SP-NEST-OUTPUT", "The child has no such output", "Add it or correct the name.", page=_NESTED),
    _rule("SP-NEST-MISSING", "The child template is missing", "Correct TemplateURL.", page=_NESTED),
    _rule("SP-NEST-CYCLE", "Stacks contain each other", "Break the circle.", page=_NESTED),
    _rule(
        "SP-NEST-REMOTE", "A child template is not local", "Map its address in template_urls.", _INFO, _NESTED
    ),
    _rule("SP-NEST-BOUND", "A child has too many instances", "Judge fewer parents at once.", _INFO),
)

RULES: dict[str, RuleInfo] = {rule.id: rule for rule in _ALL}
