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
_JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_FLOW_SECTION = re.compile(rb"""[{,\s]["']?(?:Resources|AWSTemplateFormatVersion)["']?\s*:""")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def looks_like_template(data: bytes) -> bool:
    """Whether ``data`` reads like a CloudFormation or SAM template, well-formed or not.

    It does when a top-level ``AWSTemplateFormatVersion`` is there, or a top-level ``Resources``
    and somewhere a resource type (``Type: A::B``), a loop or an include.
    """
    if data[:2] in _UTF16:
        data = data.decode("utf-16", errors="replace").encode("utf-8")
    if b"Resources" not in data and b"AWSTemplateFormatVersion" not in data:
        return False
    data = data.removeprefix(b"\xef\xbb\xbf")
    first = _FIRST_LINE.search(data)
    if first is None:
        return False
    if data[first.end() - 1 : first.end()] == b"{":
        return _flow(data)
    return _block(data, first[1])


def _block(data: bytes, indent: bytes) -> bool:
    start = rb"^" + re.escape(indent)
    if re.search(start + rb"""["']?AWSTemplateFormatVersion["']?[ \t]*:""", data, re.MULTILINE):
        return True
    resources = re.search(start + rb"""["']?Resources["']?[ \t]*:""", data, re.MULTILINE)
    return resources is not None and _RESOURCE_TYPE.search(data, resources.end()) is not None


def _flow(data: bytes) -> bool:
    if _FLOW_SECTION.search(data) is None:
        return False
    keys = _top_level_strings(data)
    if keys is None:  # unquoted keys: YAML in flow style
        return _RESOURCE_TYPE.search(data) is not None
    if b"AWSTemplateFormatVersion" in keys:
        return True
    return b"Resources" in keys and _RESOURCE_TYPE.search(data) is not None


def _top_level_strings(data: bytes) -> set[bytes] | None:
    """The strings at depth one of a JSON object; None when it holds none at all."""
    depth = 0
    found: set[bytes] = set()
    for match in _JSON_TOKEN.finditer(data):
        token = match[0]
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
        elif depth == 1:
            found.add(token[1:-1])
    return found or None
