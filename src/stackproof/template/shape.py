"""Hold a decoded template against the template anatomy, so that later rooms meet mappings only.

Entries of the wrong type become findings and are taken out of the tree: the rest is judged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stackproof.model import DocPath, Finding, Location
from stackproof.template.load_rules import finding

FORMAT_VERSION = "2010-09-09"
SECTIONS = (
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Resources",
    "Outputs",
    "Globals",
    "Hooks",
)
KEYS = frozenset({*SECTIONS, "AWSTemplateFormatVersion", "Description", "Transform"})
_TYPE_NAMES = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
}

Locate = Callable[[DocPath], Location]


def check_shape(tree: Any, locate: Locate) -> tuple[dict[str, Any] | None, list[Finding]]:
    """The tree without what cannot be judged (None when nothing is left), and the findings."""
    if not isinstance(tree, dict):
        message = f"the top level is {name(tree)}, a template is a mapping"
        return None, [finding("SP-LOAD-SHAPE", message, locate(()))]
    if not KEYS & tree.keys():
        message = "this is not a template: none of its top-level keys is a template section"
        return None, [finding("SP-LOAD-NOT-A-TEMPLATE", message, locate(()))]
    version = tree.get("AWSTemplateFormatVersion", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        path: DocPath = ("AWSTemplateFormatVersion",)
        message = f"format version {version!s} is not known, only {FORMAT_VERSION}; nothing here was judged"
        return None, [finding("SP-LOAD-VERSION", message, locate(path), path=path)]
    wrong = [section for section in SECTIONS if section in tree and not isinstance(tree[section], dict)]
    findings = [_wrong((section,), tree[section], "a mapping", locate) for section in wrong]
    for section in wrong:
        del tree[section]
    for section in ("Parameters", "Rules", "Mappings", "Resources", "Outputs"):
        _entries(tree, section, locate, findings)
    _resources(tree, locate, findings)
    _mappings(tree, locate, findings)
    if "Resources" not in tree and not findings and "Transform" not in tree:
        message = "the template has no Resources section"
        findings.append(finding("SP-LOAD-SHAPE", message, locate(())))
    if findings and "Resources" not in tree:
        return None, findings
    return tree, findings


def name(value: Any) -> str:
    """What a value is, in words: ``a list``, ``text``, ``empty``."""
    if value is None:
        return "empty"
    return next((text for kind, text in _TYPE_NAMES.items() if isinstance(value, kind)), "unknown")


def _wrong(path: DocPath, value: Any, wanted: str, locate: Locate) -> Finding:
    where = "/".join(str(step) for step in path)
    return finding("SP-LOAD-SHAPE", f"{where} is {name(value)}, expected {wanted}", locate(path), path=path)


def _loops(key: str) -> bool:
    return key.startswith("Fn::")


def _entries(tree: dict[str, Any], section: str, locate: Locate, findings: list[Finding]) -> None:
    entries = tree.get(section, {})
    for key, value in list(entries.items()):
        if not isinstance(value, dict) and not _loops(key):
            findings.append(_wrong((section, key), value, "a mapping", locate))
            del entries[key]


def _resources(tree: dict[str, Any], locate: Locate, findings: list[Finding]) -> None:
    resources = tree.get("Resources", {})
    for key, resource in list(resources.items()):
        if _loops(key):
            continue
        path: DocPath = ("Resources", key)
        kind = resource.get("Type")
        if not isinstance(kind, str) and not any(map(_loops, resource)):
            if "Type" in resource:
                findings.append(_wrong((*path, "Type"), kind, "the name of a resource type", locate))
            else:
                message = f"resource {key} has no Type"
                findings.append(finding("SP-LOAD-SHAPE", message, locate(path), path=path))
            del resources[key]
            continue
        wrong = [part for part in ("Properties", "Metadata") if not isinstance(resource.get(part, {}), dict)]
        findings += [_wrong((*path, part), resource[part], "a mapping", locate) for part in wrong]
        for part in wrong:
            del resource[part]


def _mappings(tree: dict[str, Any], locate: Locate, findings: list[Finding]) -> None:
    for key, mapping in tree.get("Mappings", {}).items():
        if _loops(key):
            continue
        for first, values in list(mapping.items()):
            if not isinstance(values, dict) and not _loops(first):
                findings.append(_wrong(("Mappings", key, first), values, "a mapping", locate))
                del mapping[first]
