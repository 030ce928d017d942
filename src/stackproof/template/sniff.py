"""Tell a template from other YAML and JSON by its bytes, without parsing it.

A file that does not parse must still be recognised, and ten thousand files must not take longer
than reading them: so a few byte searches, never a decoder.
"""

from __future__ import annotations

import re

_FIRST_LINE = re.compile(rb"^(?!---|%|[ \t]*(?:#|$))([ \t]*)[^\s]", re.MULTILINE)
_RESOURCE_TYPE = re.compile(
    rb"""Type["']?\s*:\s*["']?[A-Za-z0-9]+::[A-Za-z0-9]|Fn::ForEach::|Fn::Transform|!Transform"""
)
_SECTIONS = (b"Resources", b"AWSTemplateFormatVersion", b"Transform")
_SECTION = rb"""["']?(Resources|AWSTemplateFormatVersion|Transform)["']?[ \t]*:(?=[\s\0]|\Z)"""
_FLOW_SECTION = re.compile(rb"""[{,\s]["']?(?:Resources|AWSTemplateFormatVersion|Transform)["']?\s*:""")
_FLOW_TOKEN = re.compile(
    rb"""(?P<open>[{\[])|(?P<close>[}\]])|(?P<double>"(?:[^"\\]|\\.)*")"""
    rb"""|(?<=[\s{\[,:])(?P<bare>'[^']*'|Resources|AWSTemplateFormatVersion|Transform)(?=\s*:)""",
    re.DOTALL,
)
_KEY_LINE = re.compile(rb"""[^\s:]+[ \t]*:(?:\s|\Z)|"[^"]*"[ \t]*:|'[^']*'[ \t]*:""")
_COLON = re.compile(rb"\s*:")
_FLOW_AWS = re.compile(rb"""\s*:\s*(?:\[[^\]]*?)?(?:\{\s*["']?Name["']?\s*:\s*)?["']?AWS::""")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def looks_like_template(data: bytes, *, typed: bool = True) -> bool:
    """Whether ``data`` reads like a CloudFormation or SAM template, well-formed or not.

    It does when there is a top-level ``AWSTemplateFormatVersion``, ``Transform`` that names one of AWS, or
    ``Resources``. With ``typed``, for data that need not be YAML or JSON at all, ``Resources`` counts only
    with a resource type (``Type: A::B``), a loop or an include: prose has such headings too. And prose that
    quotes a template is none: over a third of the lines that begin where its sections do are no keys.
    """
    if data[:2] in _UTF16:
        data = data.decode("utf-16", errors="replace").encode("utf-8")
    if not any(section in data for section in _SECTIONS):
        return False
    data = data.removeprefix(b"\xef\xbb\xbf")
    first = _FIRST_LINE.search(data)
    if first is None:
        return False
    start = data[first.end() - 1 : first.end()]
    if start == b"[":  # a list, whose members' keys may stand at the start of a line
        return False
    return _flow(data, typed) if start == b"{" else _block(data, first[1], typed)


def _block(data: bytes, indent: bytes, typed: bool) -> bool:
    start = rb"^" + re.escape(indent)
    if typed and _is_prose(data, start):
        return False
    following = re.compile(start + rb"[^\s#-]", re.MULTILINE)
    for section in re.finditer(start + _SECTION, data, re.MULTILINE):
        if section[1] == b"AWSTemplateFormatVersion":
            return True
        if section[1] == b"Transform":
            after = following.search(data, section.end())
            if b"AWS::" in data[section.end() : after.start() if after else len(data)]:
                return True
        elif not typed or _RESOURCE_TYPE.search(data, section.end()) is not None:
            return True
    return False


def _is_prose(data: bytes, start: bytes) -> bool:
    """Whether over a third of the lines at the first one's indent are no keys, entries or comments."""
    lines = re.findall(start + rb"([^\s#%}\]-][^\n]*)", data, re.MULTILINE)
    return sum(_KEY_LINE.match(line) is not None for line in lines) * 3 < len(lines) * 2


def _flow(data: bytes, typed: bool) -> bool:
    if _FLOW_SECTION.search(data) is None:
        return False
    depth = 0
    for token in _FLOW_TOKEN.finditer(data):
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
        elif depth == 1 and _is_template_section(data, token, typed):
            return True
    return False


def _is_template_section(data: bytes, token: re.Match[bytes], typed: bool) -> bool:
    """Whether a token at depth one is a key that only templates have; the same word may be a value."""
    key = token[0].strip(b"\"'")
    if key not in _SECTIONS or _COLON.match(data, token.end()) is None:
        return False
    if key == b"Transform":
        return _FLOW_AWS.match(data, token.end()) is not None
    return key != b"Resources" or not typed or _RESOURCE_TYPE.search(data) is not None
