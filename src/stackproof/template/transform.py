"""Expand a template as the CloudFormation transforms will: includes, loops, SAM.

Stages, each with a map back to the one before: ``AWS::Include`` (innermost in CloudFormation too), then
``AWS::LanguageExtensions``, then SAM. A path of the result is followed back through them to a source line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from stackproof.model import DocPath, Finding, Location, Outcome
from stackproof.template.foreach import PREFIX, expand_loops, has_loops
from stackproof.template.include import expand_includes, has_includes, references_in_calls
from stackproof.template.load_rules import finding
from stackproof.template.marks import existing, plain
from stackproof.template.model import Configuration, Document, Expanded
from stackproof.template.sam import SAM, SamError, event_of, is_sam_resource, translate
from stackproof.template.sam_origin import SamOrigin
from stackproof.template.shape import check_shape
from stackproof.template.values import known_values, references

LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
_OURS = frozenset({SAM, LANGUAGE_EXTENSIONS, "AWS::Include"})
_PSEUDO = frozenset({"AWS::Region", "AWS::Partition"})

Back = Callable[[DocPath], DocPath]
Place = TypeVar("Place")


def expand(
    document: Document,
    configuration: Configuration | None = None,
    *,
    root: Path,
    template_urls: Mapping[str, str] | None = None,
) -> Expanded:
    """The template after its transforms, with the values of ``configuration`` where a transform needs them.

    ``template_urls`` maps a location (or its beginning) to a local path below ``root``, for includes.
    Never raises for what a template holds: what cannot be expanded is a finding, and ``partial`` is set
    when logical ids may be missing for it.
    """
    if not _transforms(document.tree):
        return Expanded(document, plain(document.tree), document.locate, _identity(document))
    values = known_values(document.tree, configuration)
    findings = _macros(document)
    partial = bool(findings)
    included = expand_includes(document, values, root=root, urls=template_urls or {})
    findings += included.findings
    locate: Callable[[DocPath], Location] = included.paths.locate
    origin: Back = included.paths.origin
    tree = included.tree
    stages: list[Back] = []
    if LANGUAGE_EXTENSIONS in _declared(tree) or has_loops(tree):
        findings += _undeclared_loops(tree, locate)
        loops = expand_loops(tree, known_values(tree, configuration), locate)
        findings += loops.findings
        partial = partial or loops.partial
        tree = loops.tree
        stages.append(loops.paths.back)
    if SAM in _declared(document.tree) and isinstance(tree.get("Resources"), dict):
        tree = _sam_stage(tree, configuration, stages, locate, findings)
    locate, origin = _through(stages, locate), _through(stages, origin)
    if stages or included.reads:
        tree = _shaped(tree, locate, findings)
    return Expanded(
        document, tree, locate, origin, tuple(findings), tuple(included.reads), partial or included.partial
    )


def _shaped(
    tree: dict[str, Any], locate: Callable[[DocPath], Location], findings: list[Finding]
) -> dict[str, Any]:
    """The tree, without resources when a transform left none that can be read."""
    checked, wrong = check_shape(tree, locate)
    findings += wrong
    return checked if checked is not None else {**tree, "Resources": {}}


def _sam_stage(
    written: dict[str, Any],
    configuration: Configuration | None,
    stages: list[Back],
    locate: Callable[[DocPath], Location],
    findings: list[Finding],
) -> dict[str, Any]:
    sam = translate(written, known_values(written, configuration))
    before = _through(stages, locate)
    findings += [_sam_finding(error, written, before) for error in sam.errors]
    stages.append(SamOrigin(written, sam.sources).back)
    return sam.tree


def expansion_inputs(document: Document) -> frozenset[str]:
    """The names of the parameters and pseudo parameters whose values can change what ``expand`` answers.

    Empty for a template without transforms: its expansion is the same for every configuration.
    """
    tree = document.tree
    if not _transforms(tree):
        return frozenset()
    names: set[str] = set(references_in_calls(tree))
    if has_loops(tree) or has_includes(tree):
        # A collection in an included snippet may hang on any parameter.
        names |= set(references(tree))
    if SAM in _declared(tree):
        names |= set(references(tree)) | _PSEUDO
    known = set(tree.get("Parameters", {}))
    return frozenset(name for name in names if name in known or name.startswith("AWS::"))


def _transforms(tree: dict[str, Any]) -> bool:
    return bool(tree.get("Transform")) or has_includes(tree) or has_loops(tree)


def _identity(document: Document) -> Back:
    return lambda path: existing(document.tree, path)


def _through(stages: list[Back], last: Callable[[DocPath], Place]) -> Callable[[DocPath], Place]:
    chain = tuple(reversed(stages))

    def follow(path: DocPath) -> Place:
        for back in chain:
            path = back(path)
        return last(path)

    return follow


def _declared(tree: Mapping[str, Any]) -> list[str]:
    declared = tree.get("Transform")
    entries = declared if isinstance(declared, list) else [declared]
    names = (entry.get("Name") if isinstance(entry, dict) else entry for entry in entries)
    return [str(name) for name in names if isinstance(name, str)]


def _macros(document: Document) -> list[Finding]:
    """An undecided finding for every macro of the ``Transform`` section that only an account can run."""
    found = []
    declared = document.tree.get("Transform")
    for index, name in enumerate(_declared(document.tree)):
        if name not in _OURS:
            path: DocPath = ("Transform", index) if isinstance(declared, list) else ("Transform",)
            message = f"macro {name} cannot be expanded here: what it makes was not judged"
            location = document.locate(path)
            found.append(
                finding("SP-TRANSFORM-MACRO", message, location, path=path, outcome=Outcome.UNDECIDED)
            )
    return found


def _undeclared_loops(tree: dict[str, Any], locate: Callable[[DocPath], Location]) -> list[Finding]:
    if LANGUAGE_EXTENSIONS in _declared(tree):
        return []
    path = _first_loop(tree, ())
    message = f"{path[-1] if path else PREFIX} needs 'Transform: {LANGUAGE_EXTENSIONS}'"
    fix = f"Add {LANGUAGE_EXTENSIONS} to the template's Transform section, before SAM."
    return [finding("SP-TRANSFORM-FOREACH", message, locate(path), path=path, fix=fix)]


def _first_loop(node: Any, path: DocPath) -> DocPath:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        if str(key).startswith(PREFIX):
            return (*path, key)
        below = _first_loop(value, (*path, key))
        if below:
            return below
    return ()


def _blamed_property(tree: dict[str, Any], path: DocPath, message: str) -> DocPath:
    """The property of the resource that the translator's message names, else the resource."""
    text = re.sub(r"^Resource with id \[.*?\] is invalid\. ", "", message)
    named = re.search(r"[Pp]roperty '?([A-Za-z][\w.]*\w)|^(?:\w+ )*'([A-Za-z][\w.]*)'", text)
    steps = (named[1] or named[2]).split(".") if named else []
    for start in range(len(steps)):
        exact = (*path, "Properties", *steps[start:])
        if existing(tree, exact) == exact:
            return exact
    return path


def _sam_finding(error: SamError, tree: dict[str, Any], locate: Callable[[DocPath], Location]) -> Finding:
    resources = tree["Resources"]
    path: DocPath = ("Resources",)
    if error.logical_id in resources:
        path = _blamed_property(tree, ("Resources", error.logical_id), error.message)
    elif error.event:
        owner = next((name for name in resources if event_of(resources, name, error.event)), "")
        path = ("Resources", owner, "Properties", "Events", error.event) if owner else path
    elif "Globals" in error.message and "Globals" in tree:
        path = ("Globals",)
    elif any(map(is_sam_resource, resources.values())):
        path = ("Resources", next(name for name, item in resources.items() if is_sam_resource(item)))
    return finding("SP-TRANSFORM-SAM", error.message, locate(path), path=path)
