"""The intrinsic functions, except Ref, GetAtt, If and the logical ones.

Each takes the evaluator, the arguments as written and their path, and returns a value; a wrong shape is
reported as ``SP-RESOLVE-SHAPE`` and unknown. Source: the intrinsic function reference of CloudFormation.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stackproof.model import DocPath, Outcome, Severity
from stackproof.template import strings
from stackproof.template.exports import ExportCycle, Exports
from stackproof.template.model import ABSENT, Choice, Unknown
from stackproof.template.networks import subnets
from stackproof.template.unknowns import concat, contains_unknown, lift, text_of, unite, written

if TYPE_CHECKING:
    from stackproof.template.evaluate import Evaluator

Function = Callable[["Evaluator", Any, DocPath], Any]


def wrong(evaluator: Evaluator, name: str, takes: str, arguments: Any, path: DocPath) -> Unknown:
    """A function with arguments of a shape that it does not take."""
    return evaluator.scope.invalid("SP-RESOLVE-SHAPE", f"{name} takes {takes}", path, {name: arguments})


def find_in_map(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """``[Map, TopKey, SecondKey]`` and, with the language extensions, ``{DefaultValue: …}``."""
    if not isinstance(arguments, list) or len(arguments) not in {3, 4}:
        return wrong(evaluator, "Fn::FindInMap", "a mapping and two keys", arguments, path)
    default: Any = ABSENT
    if len(arguments) == 4:
        extra = arguments[3]
        if not isinstance(extra, dict) or "DefaultValue" not in extra:
            return wrong(evaluator, "Fn::FindInMap", "as its fourth argument a DefaultValue", arguments, path)
        default = evaluator.argument(extra["DefaultValue"], (*path, 3, "DefaultValue"))
    keys = [evaluator.argument(item, (*path, i)) for i, item in enumerate(arguments[:3])]
    expression = {"Fn::FindInMap": written(keys)}
    return lift(keys, lambda known: _lookup(evaluator, known, default, path, expression), expression)


def _lookup(evaluator: Evaluator, keys: list[Any], default: Any, path: DocPath, expression: Any) -> Any:
    if len(keys) != 3 or any(isinstance(key, dict | list) for key in keys):
        return wrong(evaluator, "Fn::FindInMap", "a mapping and two keys", expression, path)
    current: Any = evaluator.scope.section("Mappings")
    walked: list[str] = []
    for position, key in enumerate(keys):
        if isinstance(key, Unknown):
            return _any_entry(current, keys[position:], expression)
        name = text_of(key)
        if not isinstance(current, dict) or name not in current:
            if default is not ABSENT:
                return default
            what = "mapping" if position == 0 else f"key in {'.'.join(['Mappings', *walked])}"
            known = ", ".join(sorted(map(str, current))[:8]) if isinstance(current, dict) else ""
            return evaluator.scope.invalid(
                "SP-RESOLVE-MAPPING",
                f"'{name}' is no {what}" + (f"; there are {known}" if known else ""),
                path,
                expression,
            )
        current = current[name]
        walked.append(name)
    evaluator.scope.use("mapping:" + "\x00".join(walked))
    return evaluator.argument(current, ("Mappings", *walked))


def _any_entry(level: Any, keys: list[Any], expression: Any) -> Unknown:
    """A look-up with an unknown key: one of the entries that the key can reach."""
    reached = [level]
    for key in keys:
        nodes = [node for node in reached if isinstance(node, dict)]
        if isinstance(key, Unknown):
            allowed = {text_of(item) for item in key.values}
            reached = [v for node in nodes for k, v in node.items() if not allowed or k in allowed]
        else:
            reached = [node[text_of(key)] for node in nodes if text_of(key) in node]
    sources = unite(keys)
    reason = "; ".join(key.reason for key in keys if isinstance(key, Unknown))
    if reached and all(isinstance(item, str | int | float) for item in reached):
        values = tuple(dict.fromkeys(reached))
        kind = "string" if all(isinstance(item, str) for item in reached) else "any"
        return Unknown(expression, reason, kind, values=values, may_be_empty="" in values, sources=sources)
    kind = "list" if reached and all(isinstance(item, list) for item in reached) else "any"
    return Unknown(expression, reason, kind, may_be_empty=True, sources=sources)


def get_azs(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """Zone names of a region: how many and which is an account's own, so the list is unknown."""
    region = evaluator.argument(arguments, path)
    if region == "" or region is ABSENT:
        region = evaluator.references.ref("AWS::Region", path)
    expression = {"Fn::GetAZs": written(region)}

    def zones(known: list[Any]) -> Any:
        if not known or isinstance(known[0], dict | list):
            return wrong(evaluator, "Fn::GetAZs", "a region", arguments, path)
        live = evaluator.scope.live
        if live is not None and not isinstance(known[0], Unknown):
            return live.zones(text_of(known[0]))
        name = known[0].pattern or ".+" if isinstance(known[0], Unknown) else text_of(known[0])
        sources = unite(known) or (f"Fn::GetAZs:{name}",)
        reason = "the zones differ from account to account"
        return Unknown(expression, reason, "list", f"(?:{name})[a-z]", generated=True, sources=sources)

    return lift([region], zones, expression)


def cidr(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """``[block, count, bits]``; ``bits`` defaults to 8 (subnets of /24 for IPv4)."""
    takes = "an address block, a count (1 to 256) and optionally subnet bits"
    if not isinstance(arguments, list) or len(arguments) not in {2, 3}:
        return wrong(evaluator, "Fn::Cidr", takes, arguments, path)
    values = [evaluator.argument(item, (*path, i)) for i, item in enumerate(arguments)]
    expression = {"Fn::Cidr": written(values)}

    def divide(known: list[Any]) -> Any:
        found = subnets(known, expression)
        if isinstance(found, str):
            return evaluator.scope.invalid("SP-RESOLVE-CIDR", f"Fn::Cidr: {found}", path, expression)
        return found

    return lift(values, divide, expression)


def base64_of(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """The text as base64."""
    value = evaluator.argument(arguments, path)
    expression = {"Fn::Base64": written(value)}

    def encode(known: list[Any]) -> Any:
        if not known or isinstance(known[0], dict | list):
            return wrong(evaluator, "Fn::Base64", "a string", arguments, path)
        item = known[0]
        if isinstance(item, Unknown):
            return Unknown(
                expression,
                item.reason,
                "string",
                "[A-Za-z0-9+/]*=*",
                (),
                item.generated,
                item.may_be_empty,
                item.sources,
            )
        return base64.b64encode(text_of(item).encode("utf-8", "surrogatepass")).decode("ascii")

    return lift([value], encode, expression)


def import_value(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """An export of another stack of the same environment, region and account."""
    name = evaluator.argument(arguments, path)
    expression = {"Fn::ImportValue": written(name)}
    return lift([name], lambda known: _import(evaluator, known, path, expression), expression)


def _import(evaluator: Evaluator, known: list[Any], path: DocPath, expression: Any) -> Any:
    if not known or isinstance(known[0], dict | list):
        return wrong(evaluator, "Fn::ImportValue", "the name of an export", expression, path)
    name, scope = known[0], evaluator.scope
    sources = (f"export:{text_of(name)}",) if isinstance(name, str) else unite(known)
    unknown = Unknown(expression, "is exported by another stack", "string", sources=sources)
    if isinstance(name, Unknown) or scope.exports is None:
        return unknown
    found = scope.exports.get(text_of(name), ABSENT)
    if isinstance(found, ExportCycle):
        circle = " → ".join(found.files)
        scope.report(
            "SP-RESOLVE-IMPORT-CYCLE",
            f"'{text_of(name)}' is exported by a stack that needs an export of this one: {circle}",
            path,
            severity=Severity.WARNING,
        )
        return unknown
    if found is ABSENT:
        scope.report(
            "SP-RESOLVE-IMPORT",
            f"no stack of the estate exports '{text_of(name)}' in this environment",
            path,
            severity=Severity.WARNING,
            outcome=Outcome.UNDECIDED,
            fix="export it from a sibling stack, or correct the name",
        )
        return unknown
    origin = scope.exports.origin(text_of(name)) if isinstance(scope.exports, Exports) else None
    if origin is not None:
        scope.origins[f"export:{text_of(name)}"] = origin
    scope.use(f"export:{text_of(name)}")
    return found


def length(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """The number of items (language extensions)."""
    value = evaluator.argument(arguments, path)
    expression = {"Fn::Length": written(value)}

    def count(known: list[Any]) -> Any:
        item = known[0] if known else None
        if isinstance(item, list | dict):
            return len(item)
        if isinstance(item, Unknown) and item.kind in {"list", "any"}:
            return Unknown(expression, item.reason, "number", "[0-9]+", sources=item.sources)
        return wrong(evaluator, "Fn::Length", "a list", arguments, path)

    return lift([value], count, expression)


def to_json_string(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """An object or a list as JSON text (language extensions)."""
    value = evaluator.argument(arguments, path)
    expression = {"Fn::ToJsonString": written(value)}

    def dump(known: list[Any]) -> Any:
        item = known[0] if known else None
        if not isinstance(item, dict | list | Unknown):
            return wrong(evaluator, "Fn::ToJsonString", "an object or a list", arguments, path)
        if contains_unknown(item):
            return concat(strings.json_parts(item), expression)
        return json.dumps(item, separators=(",", ":"), ensure_ascii=False, default=str)

    return lift([value], dump, expression)


def stack_output(evaluator: Evaluator, arguments: Any, path: DocPath) -> Any:
    """A value that another stack has when this one deploys."""
    value = evaluator.argument(arguments, path)
    if isinstance(value, Choice):
        value = written(value)
    return Unknown({"Fn::GetStackOutput": written(value)}, "is an output of another stack", "string")


FUNCTIONS: dict[str, Function] = {
    "Fn::Sub": strings.sub,
    "Fn::Join": strings.join,
    "Fn::Split": strings.split,
    "Fn::Select": strings.select,
    "Fn::FindInMap": find_in_map,
    "Fn::GetAZs": get_azs,
    "Fn::Cidr": cidr,
    "Fn::Base64": base64_of,
    "Fn::ImportValue": import_value,
    "Fn::Length": length,
    "Fn::ToJsonString": to_json_string,
    "Fn::GetStackOutput": stack_output,
}
