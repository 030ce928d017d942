"""Templates from JSON to YAML and back, with nothing lost but what the target format cannot hold.

Numbers keep their digits (``lexical``). The result is read again and held against the source before it is
handed out. JSON cannot hold comments, aliases, and some spellings of numbers and booleans: ``comments``,
``aliases`` and ``respelled`` say what a conversion to JSON leaves behind or writes otherwise.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Literal

from stackproof.errors import InternalError, TemplateError
from stackproof.template.load import decode_text

if TYPE_CHECKING:
    from stackproof.template.lexical import Numeral, Respelled

Format = Literal["yaml", "json"]

# What some YAML loader or other reads as a number, a date, a boolean or null is quoted.
_AMBIGUOUS = re.compile(
    r"[-+]?[.\d][\d_.,:eExXoO+\-a-fA-F]*([Tt ][\d:.+\-Zz ]+)?|(?i:y|n|yes|no|on|off|true|false|null|nan)|~|"
    r"[-+]?\.(?i:inf|nan)|=|<<|"
)
_EMPTY = re.compile("")
# Line breaks to YAML, and the byte order mark: only escapes keep them.
_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_HALF = re.compile(
    r"\\u(?i:d[89ab][0-9a-f]{2})(?!\\u(?i:d[c-f]))|(?<!\\u(?i:d[89ab])[0-9a-fA-F]{2})\\u(?i:d[c-f])[0-9a-fA-F]{2}"
)
_TIMESTAMP = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ].*)?")
_LONG_ONLY = frozenset({"Condition"})


def convert(text: str, to: Format = "yaml", *, file: str = "") -> str:
    """The same template in the other (or the same) format.

    JSON to YAML writes the short forms of intrinsic functions, YAML to JSON the long ones; the decoded tree
    is the same. YAML to YAML keeps comments, anchors and quotes. Raises ``TemplateError`` (file, line,
    column) for text that cannot be decoded.
    """
    from stackproof.template.lexical import dump_json

    tree = _values(text, file, strict=to == "json")
    if to == "json":
        result = dump_json(tree) + "\n"
        for escaped in (_BREAKS, _SURROGATES):
            result = escaped.sub(lambda match: f"\\u{ord(match[0]):04x}", result)
    elif is_json(text):
        if _SURROGATES.search(dump_json(tree)):
            raise _half_character(text, file)
        result = dump_yaml(tree)
    else:
        result = _round_trip(text)
    if _values(result, file) != tree:
        raise InternalError("the converted template does not decode to the same tree", file=file)
    return result


def is_json(text: str) -> bool:
    """Whether the text is JSON, not just YAML in flow style."""
    import json

    try:
        json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return True


def respelled(text: str) -> list[Respelled]:
    """Scalars of convertible YAML text that JSON spells otherwise: ``0x1F``, ``1_000``, ``yes``."""
    from stackproof.template.lexical import read

    return read(text).respelled


def aliases(text: str) -> int:
    """The number of aliases in YAML text: JSON writes out what they stand for."""
    import yaml

    if is_json(text):
        return 0
    return sum(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.CSafeLoader))


def comments(text: str) -> int:
    """The number of comments in YAML text: what a conversion to JSON leaves behind."""
    import yaml

    if is_json(text):
        return 0
    spans = [
        (token.start_mark.index, token.end_mark.index)
        for token in yaml.scan(text, Loader=yaml.CSafeLoader)
        if isinstance(token, yaml.ScalarToken)
    ]
    found, last, position = 0, -1, 0
    for match in re.finditer(r"(?m)(?:^|(?<=\s))#", text):
        line = text.count("\n", 0, match.start())
        while position < len(spans) and spans[position][1] <= match.start():
            position += 1
        inside = position < len(spans) and spans[position][0] <= match.start()
        if not inside and line != last:
            found, last = found + 1, line
    return found


def dump_yaml(tree: Any) -> str:
    """Plain JSON as block-style YAML with the short forms of intrinsic functions."""
    import yaml

    from stackproof.template.lexical import Numeral

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def choose_scalar_style(self) -> str:
            """A function's argument stands unquoted where plain text may."""
            event: Any = self.event
            analysis = self.analyze_scalar(event.value)
            plain_here = analysis.allow_flow_plain if self.flow_level else analysis.allow_block_plain
            if event.tag and event.tag.startswith("!") and not event.style and plain_here:
                self.analysis = analysis
                return ""
            style: str = super().choose_scalar_style()
            return style

    Dumper.add_representer(str, _text)
    Dumper.add_representer(Numeral, _number)
    Dumper.add_representer(dict, _mapping)
    output: str = yaml.dump(tree, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=4096)
    return output.removesuffix("...\n")


def _text(dumper: Any, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value, _AMBIGUOUS))


def _number(dumper: Any, value: Numeral) -> Any:
    kind = "int" if value.text.lstrip("-").isdecimal() else "float"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", value.yaml)


def _style(value: str, quoted: re.Pattern[str]) -> str | None:
    if _BREAKS.search(value):
        return '"'
    return "|" if "\n" in value else "'" if quoted.fullmatch(value) else None


def _mapping(dumper: Any, value: dict[str, Any]) -> Any:
    if len(value) == 1:
        name, argument = next(iter(value.items()))
        tag = _short_tag(name)
        if name == "Fn::GetAtt" and isinstance(argument, str) and "." not in argument:
            tag = ""  # the short form would make a list of it
        if tag and isinstance(argument, str):
            return dumper.represent_scalar(tag, argument, style=_style(argument, _EMPTY))
        if name == "Fn::GetAtt" and _dotted(argument):
            return dumper.represent_scalar(tag, ".".join(argument), style=_style("".join(argument), _EMPTY))
        if tag and isinstance(argument, list) and argument:
            flow = not any(isinstance(item, dict | list) for item in argument)
            return dumper.represent_sequence(tag, argument, flow_style=flow)
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=not value)


def _short_tag(name: str) -> str:
    """The tag of an intrinsic function, "" for anything else."""
    from stackproof.template.decode import SHORT_TAGS

    short = "Ref" if name == "Ref" else name.removeprefix("Fn::") if name.startswith("Fn::") else ""
    return f"!{short}" if short in SHORT_TAGS - _LONG_ONLY else ""


def _dotted(argument: Any) -> bool:
    return (
        isinstance(argument, list)
        and len(argument) == 2
        and all(isinstance(part, str) and part and not part.isspace() for part in argument)
        and "." not in argument[0]
        and "\n" not in "".join(argument)
    )


def _round_trip(text: str) -> str:
    from ruamel.yaml import YAML
    from ruamel.yaml.nodes import ScalarNode
    from ruamel.yaml.resolver import BaseResolver, VersionedResolver
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    class TextOnly(VersionedResolver):
        """Every plain scalar stays the text it is, so that no YAML version changes it."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            plain_scalar = kind is ScalarNode and implicit[0]
            if plain_scalar and value not in ("<<", "", "~", "null", "Null", "NULL"):
                return self.DEFAULT_SCALAR_TAG
            return BaseResolver.resolve(self, kind, value, implicit)

    def quoted(node: Any) -> Any:
        if isinstance(node, dict):
            for key in list(node):
                node[key] = quoted(node[key])
        elif isinstance(node, list):
            for index, item in enumerate(node):
                node[index] = quoted(item)
        elif type(node) is str and _TIMESTAMP.fullmatch(node):
            return SingleQuotedScalarString(node)
        return node

    yaml = YAML(typ="rt")
    yaml.Resolver = TextOnly
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(quoted(yaml.load(text)), stream)
    return stream.getvalue()


def _half_character(text: str, file: str) -> TemplateError:
    found = _HALF.search(text)
    before = text[: found.start()] if found else ""
    message = f"{found[0] if found else 'an escape'} is half of a character; YAML cannot hold it"
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return TemplateError(message, file=file, line=line, column=column, hint="write the whole character")


def _values(text: str, file: str, *, strict: bool = False) -> Any:
    """``strict``: no tag is unknown, JSON could not show it."""
    tree, findings = decode_text(file, text)
    unknown = [found for found in findings if strict and found.rule == "SP-LOAD-TAG"]
    if tree is None or unknown:
        first = (unknown or findings)[0]
        raise TemplateError(
            first.message, file=file, line=first.location.line, column=first.location.column, hint=first.fix
        )
    from stackproof.template.lexical import read

    return read(text).tree
