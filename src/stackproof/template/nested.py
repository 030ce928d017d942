"""Nested stacks: which file a ``TemplateURL`` means, and the contract between parent and child."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from stackproof.config import Config
from stackproof.model import DocPath
from stackproof.template.constraints import check_value, declaration
from stackproof.template.include import outside
from stackproof.template.model import Choice, Configuration, ParameterValue, Unknown
from stackproof.template.places import is_file
from stackproof.template.references import NESTED_TYPES
from stackproof.template.unknowns import text_of

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Target:
    """What a template URL means: a local ``path``, or why there is none (``problem``).

    ``remote`` is True for an address that nothing maps to a local file.
    """

    path: Path | None = None
    problem: str = ""
    remote: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """A fault in the contract between parent and child, at a path of the parent's resolved tree."""

    rule: str
    message: str
    path: DocPath
    fix: str = ""
    undecided: bool = False


def url_property(resource_type: str) -> str:
    """The property that names the child template."""
    return "Location" if resource_type == "AWS::Serverless::Application" else "TemplateURL"


def stacks(resources: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The nested stacks among resources, with their logical ids."""
    if isinstance(resources, Mapping):
        for logical_id, resource in resources.items():
            if isinstance(resource, Mapping) and resource.get("Type") in NESTED_TYPES:
                yield str(logical_id), resource


def written_text(node: Any) -> str:
    """A URL as it is written, in the manner of ``Fn::Sub``: ``https://${Bucket}/child.yaml``."""
    if isinstance(node, Unknown):
        return written_text(node.expression)
    if isinstance(node, list):
        return "".join(written_text(item) for item in node)
    if not isinstance(node, dict) or len(node) != 1:
        return text_of(node) if not isinstance(node, dict | Choice) else "${?}"
    ((key, arguments),) = node.items()
    match key, arguments:
        case "Ref", str(name):
            return "${" + name + "}"
        case "Fn::GetAtt", [str(name), *rest]:
            return "${" + ".".join([name, *(str(part) for part in rest)]) + "}"
        case "Fn::Sub", str(text):
            return text
        case "Fn::Sub", [str(text), dict()]:
            return text
        case "Fn::Join", [str(delimiter), list(items)]:
            return delimiter.join(written_text(item) for item in items)
    return "${?}"


def find(value: Any, written: Any, parent: Path, config: Config, environment: str) -> Target:
    """The file behind a template URL.

    ``value`` is the resolved URL, ``written`` the expression in the template. The longest matching prefix
    of ``template_urls`` wins, the environment's own before the project's; then local paths count.
    """
    if isinstance(value, Choice):
        return Target(problem="hangs on an unknown condition", remote=True)
    texts = [value] if isinstance(value, str) else [written_text(value)]
    texts.append(written_text(written))
    for text in dict.fromkeys(texts):
        mapped = _mapped(text, config, environment)
        if mapped is not None:
            return mapped
    text = texts[0]
    if "${" in text or "{{resolve:" in text:
        return Target(problem=f"'{text}' is not known before the deploy", remote=True)
    if text.startswith("file://"):
        text = unquote(text.removeprefix("file://"))
    elif _SCHEME.match(text):
        return Target(problem=f"'{text}' is not local", remote=True)
    path = parent.parent / text
    if outside(path, parent, Path(config.root)):
        return Target(problem=f"'{text}' leads out of the project, it is not read")
    return _local(path, text)


def _mapped(text: str, config: Config, environment: str) -> Target | None:
    own = config.environments.get(environment)
    tables = [own.template_urls if own else {}, config.template_urls]
    matching = [
        (len(prefix), -rank, prefix, target)
        for rank, table in enumerate(tables)
        for prefix, target in table.items()
        if text.startswith(prefix)
    ]
    if not matching:
        return None
    _, _, prefix, target = max(matching)
    place = Path(config.root) / target
    if is_file(place):
        return Target(place)
    rest = text[len(prefix) :].split("?", 1)[0].lstrip("/")
    if "${" in rest:
        return Target(problem=f"'{text}' is not known before the deploy", remote=True)
    return _local(place / unquote(rest), text)


def _local(path: Path, text: str) -> Target:
    if is_file(path):
        return Target(path)
    return Target(problem=f"'{text}': there is no file {path.name} at that place")


def child_configuration(
    parent: Configuration,
    chain: tuple[str, ...],
    parameters: Mapping[str, ParameterValue],
    tags: Mapping[str, str],
) -> Configuration:
    """The configuration that a parent makes for its child: its values, the parent's place and tags."""
    file, _, logical_id = chain[0].rpartition("/")
    via = "/".join([posixpath.basename(file), logical_id, *(link.rpartition("/")[2] for link in chain[1:])])
    root = parent.name
    if len(chain) > 1:
        root = "" if root.startswith("via ") else root.split(" (via ", 1)[0]
    return Configuration(
        name=f"{root} (via {via})" if root else f"via {via}",
        environment=parent.environment,
        parameters=parameters,
        tags={**parent.tags, **tags},
        region=parent.region,
        account=parent.account,
        partition=parent.partition,
        organization=parent.organization,
        files=parent.files,
    )


def contract(
    logical_id: str, properties: Mapping[str, Any], child: Mapping[str, Any], file: str
) -> Iterator[Breach]:
    """What a parent hands down against what the child declares. ``child`` is the child's tree."""
    base: DocPath = ("Resources", logical_id, "Properties")
    declared = child.get("Parameters")
    declared = declared if isinstance(declared, Mapping) else {}
    given = properties.get("Parameters", {})
    if isinstance(given, Unknown | Choice):
        return
    given = given if isinstance(given, Mapping) else {}
    for name, value in given.items():
        path: DocPath = (*base, "Parameters", name)
        raw = declared.get(name)
        if not isinstance(raw, dict):
            known = ", ".join(sorted(map(str, declared))) or "none"
            message = f"'{name}' is no parameter of {file}; its parameters are: {known}"
            yield Breach("SP-NEST-PARAMETER", message, path, "declare it in the child, or take it out")
            continue
        if isinstance(value, list | dict) or (isinstance(value, Unknown) and value.kind == "list"):
            message = f"parameter '{name}' of {file} is given a list: a nested stack takes texts"
            yield Breach("SP-NEST-VALUE", message, path, "join the items with commas (Fn::Join)")
            continue
        for fault in check_value(declaration(str(name), raw), value):
            yield Breach(
                "SP-NEST-VALUE", f"{fault.message}, as {file} declares it", path, fault.fix, fault.undecided
            )
    for name, raw in declared.items():
        if isinstance(raw, dict) and "Default" not in raw and name not in given:
            path = (*base, "Parameters") if given else ("Resources", logical_id)
            message = f"parameter '{name}' of {file} has no default and '{logical_id}' does not give it"
            yield Breach("SP-NEST-PARAMETER", message, path, f"add '{name}' to Parameters")
