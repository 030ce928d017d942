"""The SAM transform, offline: aws-sam-translator without a session, a client or a network.

What the service would look up is given: managed policies from the translator's own table, local code
paths as an object in ``LOCAL_BUCKET`` whose key is the path, region and partition from the configuration.
An unknown region or partition comes out as ``AWS::Region`` or ``AWS::Partition``, never as a guess.
"""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from stackproof.template.marks import plain
from stackproof.template.values import Values

SAM = "AWS::Serverless-2016-10-31"
LOCAL_BUCKET = "local-artifacts"
ORIGIN = "StackproofOrigin"
_REGION = "stackproof-region"
_PARTITION = "stackproof-partition"
_STANDIN = "stackproofvalue"
_PREFIX = "AWS::Serverless::"
# Which properties of which types name code or a document that packaging would upload.
_LOCAL = {
    "Function": ("CodeUri",),
    "WebFunction": ("CodeUri",),
    "LayerVersion": ("ContentUri",),
    "Api": ("DefinitionUri",),
    "HttpApi": ("DefinitionUri",),
    "WebSocketApi": ("DefinitionUri",),
    "StateMachine": ("DefinitionUri",),
    "GraphQLApi": ("SchemaUri",),
}


@dataclass(frozen=True, slots=True)
class SamError:
    """Why the translator refuses; ``logical_id`` and ``event`` are "" when it does not say."""

    message: str
    logical_id: str = ""
    event: str = ""


@dataclass(slots=True)
class SamResult:
    """The translated tree; ``sources`` maps a generated logical id to the resource that asked for it.

    ``refused`` are resources that stand in the tree as written because they are invalid.
    """

    tree: dict[str, Any]
    sources: dict[str, str] = field(default_factory=dict)
    errors: list[SamError] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)


def is_sam_resource(resource: Any) -> bool:
    """Whether the SAM transform is what makes something of this resource."""
    return isinstance(resource, dict) and str(resource.get("Type", "")).startswith(_PREFIX)


def translate(tree: dict[str, Any], values: Values) -> SamResult:
    """Translate ``tree`` (plain JSON, loops already expanded). Invalid resources do not stop others."""
    prepared = _prepare(tree)
    resources = prepared["Resources"]
    result = SamResult(prepared)
    while any(map(is_sam_resource, resources.values())):
        outcome = _attempt(prepared, values)
        if not isinstance(outcome, list):
            result.tree = outcome
            break
        result.errors.extend(error for error in outcome if error not in result.errors)
        named = _blamed(resources, outcome) or _culprits(prepared, values, result)
        for logical_id in named or [name for name, item in resources.items() if is_sam_resource(item)]:
            del resources[logical_id]
            result.refused.add(logical_id)
    _finish(result, tree, values)
    return result


def _attempt(prepared: dict[str, Any], values: Values) -> dict[str, Any] | list[SamError]:
    """Translate with references to unknown parameters left alone; where the translator insists on a
    value (it becomes part of a logical id, for one), with placeholders that are taken out again."""
    outcome = _once(prepared, values, {})
    standins = _standins(prepared, values)
    if isinstance(outcome, list) and standins:
        again = _once(prepared, values, standins)
        if not isinstance(again, list):
            return _restore(again, standins)  # type: ignore[no-any-return]
        outcome = min(outcome, again, key=len)
    return outcome


def _once(
    prepared: dict[str, Any], values: Values, standins: Mapping[str, str]
) -> dict[str, Any] | list[SamError]:
    from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
    from samtranslator.translator.arn_generator import NoRegionFound

    try:
        return _run(copy.deepcopy(prepared), values, standins)
    except InvalidDocumentException as error:
        return [_explain(cause) for cause in error.causes]
    except ExceptionWithMessage as error:
        return [_explain(error)]
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, NameError, NoRegionFound, OSError,
        RuntimeError, TypeError, ValueError,
    ) as error:  # fmt: skip
        # The translator has no validation of its own for many malformed values and stumbles over them.
        return [SamError(f"the SAM translator cannot process this ({type(error).__name__}: {error})")]


def _standins(prepared: Mapping[str, Any], values: Values) -> dict[str, str]:
    declared = prepared.get("Parameters")
    unknown = [
        name for name in (declared if isinstance(declared, dict) else ()) if name not in values.parameters
    ]
    return {name: f"{_STANDIN}{index}x" for index, name in enumerate(unknown)}


def _restore(node: Any, standins: Mapping[str, str], inside_sub: bool = False) -> Any:
    """Put the references back where the placeholders are; a logical id gets the parameter's name."""
    if isinstance(node, dict):
        result = {}
        for key, value in node.items():
            for name, standin in standins.items():
                key = key.replace(standin, name)
            result[key] = _restore(value, standins, key == "Fn::Sub")
            if key in ("Ref", "Fn::GetAtt", "DependsOn"):
                result[key] = _rename(value, standins)
        return result
    if isinstance(node, list):
        return [_restore(item, standins, inside_sub and index == 0) for index, item in enumerate(node)]
    if not isinstance(node, str) or _STANDIN not in node:
        return node
    for name, standin in standins.items():
        if node == standin and not inside_sub:
            return {"Ref": name}
        node = node.replace(standin, f"${{{name}}}")
    return node if inside_sub else {"Fn::Sub": node}


def _rename(node: Any, standins: Mapping[str, str]) -> Any:
    if isinstance(node, list):
        return [_rename(item, standins) for item in node]
    for name, standin in standins.items() if isinstance(node, str) else ():
        node = node.replace(standin, name)
    return node


def _run(prepared: dict[str, Any], values: Values, standins: Mapping[str, str]) -> dict[str, Any]:
    from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator
    from samtranslator.utils.py27hash_fix import (
        to_py27_compatible_template,
        undo_mark_unicode_str_in_template,
    )

    region = values.pseudo.get("AWS::Region", "")
    partition = values.pseudo.get("AWS::Partition", "") or ("" if region else _PARTITION)
    parameters: dict[str, Any] = {
        # A list, and a parameter whose value is not known, stay what they are: a reference.
        name: {"Ref": name}
        for name, definition in prepared.get("Parameters", {}).items()
        if name not in values.parameters and isinstance(definition, dict) and "Default" in definition
    }
    parameters |= {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in values.parameters.items()
    }
    parameters["AWS::Region"] = region or _REGION
    if partition:
        parameters["AWS::Partition"] = partition
    table = get_bundled_managed_policy_map(partition if partition != _PARTITION else "aws") or {}
    if partition == _PARTITION:
        table = {name: arn.replace("arn:aws:", f"arn:{_PARTITION}:", 1) for name, arn in table.items()}
    parameters |= standins
    # Its advice for operators of the service would reach our stderr.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    to_py27_compatible_template(prepared, parameters)
    with _session(region or _REGION, partition) as session:
        translator = Translator(None, Parser(), boto_session=session)
        translated = translator.translate(
            prepared, parameters, passthrough_metadata=True, get_managed_policy_map=lambda: table
        )
    output: dict[str, Any] = plain(undo_mark_unicode_str_in_template(translated))
    return output


@functools.cache
def _policy_templates() -> Any:
    """The translator's policy templates: it validates them anew for each template, half of its time."""
    from samtranslator.policy_template_processor.processor import PolicyTemplatesProcessor

    return PolicyTemplatesProcessor(PolicyTemplatesProcessor.get_default_policy_templates_json())


@contextmanager
def _session(region: str, partition: str) -> Iterator[Any]:
    """Something with a region name in place of a boto3 session, and the partition that goes with it.

    The translator keeps both in class attributes and asks its own table for the partition of a region;
    they are put back afterwards, as is the maker of its policy templates.
    """
    from samtranslator.plugins.policies.policy_templates_plugin import PolicyTemplatesForResourcePlugin
    from samtranslator.translator import translator
    from samtranslator.translator.arn_generator import ArnGenerator

    templates = _policy_templates()
    maker = translator.make_policy_template_for_function_plugin
    translator.make_policy_template_for_function_plugin = lambda: PolicyTemplatesForResourcePlugin(templates)

    saved = ArnGenerator.BOTO_SESSION_REGION_NAME, ArnGenerator.__dict__["get_partition_name"]
    if partition:
        ArnGenerator.get_partition_name = classmethod(lambda cls, region=None: partition)
    try:
        yield SimpleNamespace(region_name=region)
    finally:
        ArnGenerator.BOTO_SESSION_REGION_NAME = saved[0]
        ArnGenerator.get_partition_name = saved[1]
        translator.make_policy_template_for_function_plugin = maker


def _explain(error: Any) -> SamError:
    logical_id = getattr(error, "_logical_id", "")
    event = getattr(error, "_event_id", "")
    return SamError(str(error.message), str(logical_id or ""), str(event or ""))


def _blamed(resources: Mapping[str, Any], errors: list[SamError]) -> set[str]:
    named = set()
    for error in errors:
        if is_sam_resource(resources.get(error.logical_id)):
            named.add(error.logical_id)
        elif error.event:
            named |= {name for name in resources if event_of(resources, name, error.event)}
    return named


def event_of(resources: Mapping[str, Any], logical_id: str, event: str) -> bool:
    """Whether the resource is a SAM one with an event of that name."""
    resource = resources.get(logical_id)
    if not is_sam_resource(resource) or not isinstance(resource, dict):
        return False
    properties = resource.get("Properties")
    events = properties.get("Events") if isinstance(properties, dict) else None
    return isinstance(events, dict) and event in events


def _culprits(prepared: dict[str, Any], values: Values, result: SamResult) -> set[str]:
    """The resources that cannot be translated even alone, for errors that name none."""
    resources = prepared["Resources"]
    others = {name: item for name, item in resources.items() if not is_sam_resource(item)}
    found = set()
    for name, item in resources.items():
        if not is_sam_resource(item):
            continue
        alone = _attempt({**prepared, "Resources": {**others, name: item}}, values)
        if isinstance(alone, list):
            found.add(name)
            known = {error.message for error in alone}
            result.errors = [error for error in result.errors if error.message not in known]
            result.errors.extend(SamError(error.message, name, error.event) for error in alone)
    return found


def _prepare(tree: dict[str, Any]) -> dict[str, Any]:
    prepared: dict[str, Any] = copy.deepcopy(tree)
    resources = prepared.get("Resources")
    if not isinstance(resources, dict):
        resources = {}
    kept = {name: item for name, item in resources.items() if isinstance(item, dict) and "Type" in item}
    prepared["Resources"] = kept
    globals_ = prepared.get("Globals")
    shared = globals_ if isinstance(globals_, dict) else {}
    for kind, names in _LOCAL.items():
        _localise(shared.get(kind), names)
    for logical_id, resource in kept.items():
        if is_sam_resource(resource):
            _prepare_resource(logical_id, resource, shared)
    return prepared


def _prepare_resource(logical_id: str, resource: dict[str, Any], shared: Mapping[str, Any]) -> None:
    kind = resource["Type"].removeprefix(_PREFIX)
    metadata = resource.get("Metadata")
    resource["Metadata"] = {**(metadata if isinstance(metadata, dict) else {}), ORIGIN: logical_id}
    properties = resource.setdefault("Properties", {})
    if not isinstance(properties, dict):
        return
    _localise(properties, _LOCAL.get(kind, ()))
    if kind == "Function":
        _code(logical_id, properties, shared.get("Function"))
    location = properties.get("Location")
    if kind == "Application" and isinstance(location, dict) and location.get("SemanticVersion"):
        # The application's template can only be had from the Serverless Application Repository.
        application, version = location.get("ApplicationId"), location["SemanticVersion"]
        properties["Location"] = f"https://serverlessrepo.amazonaws.com/{application}/versions/{version}"


def _localise(properties: Any, names: tuple[str, ...]) -> None:
    if not isinstance(properties, dict):
        return
    for name in names:
        value = properties.get(name)
        if isinstance(value, str) and not value.startswith("s3://") and "{{resolve:" not in value:
            properties[name] = {"Bucket": LOCAL_BUCKET, "Key": value}


def _code(logical_id: str, properties: dict[str, Any], shared: Any) -> None:
    """A function without code is built from its own folder, an image from its Dockerfile (SAM CLI)."""
    merged = {**(shared if isinstance(shared, dict) else {}), **properties}
    if merged.get("PackageType") == "Image":
        if "ImageUri" not in merged:
            name = f"{LOCAL_BUCKET}:{logical_id}"
            properties["ImageUri"] = {
                "Fn::Sub": f"${{AWS::AccountId}}.dkr.ecr.${{AWS::Region}}.${{AWS::URLSuffix}}/{name}"
            }
    elif not {"CodeUri", "InlineCode", "ImageUri"} & merged.keys():
        properties["CodeUri"] = {"Bucket": LOCAL_BUCKET, "Key": "."}


def _finish(result: SamResult, tree: dict[str, Any], values: Values) -> None:
    resources = result.tree["Resources"]
    written = tree.get("Resources", {})
    for logical_id, resource in resources.items():
        _unmark(logical_id, resource, result, written)
    result.tree = _unguess(result.tree)
    result.tree.pop("Globals", None)
    for logical_id, resource in written.items():
        gone = logical_id not in result.tree["Resources"] and logical_id not in result.sources.values()
        if gone or logical_id in result.refused:
            result.tree["Resources"][logical_id] = copy.deepcopy(resource)
    if "Transform" in tree:
        result.tree.pop("Transform", None)


def _unmark(logical_id: str, resource: Any, result: SamResult, written: Mapping[str, Any]) -> None:
    metadata = resource.get("Metadata") if isinstance(resource, dict) else None
    if not isinstance(metadata, dict) or ORIGIN not in metadata:
        return
    source = metadata.pop(ORIGIN)
    result.sources[logical_id] = source
    # The user's Metadata belongs to the base resource; a layer's id gains a hash.
    renamed = logical_id.startswith(source) and written.get(source, {}).get("Type", "").endswith(
        "LayerVersion"
    )
    if not metadata or not (logical_id == source or renamed):
        del resource["Metadata"]


def _unguess(node: Any, inside_sub: bool = False) -> Any:
    """Put ``AWS::Region`` and ``AWS::Partition`` where the placeholders are."""
    if isinstance(node, dict):
        return {
            _named(key): _unguess(value, key == "Fn::Sub" or (inside_sub and isinstance(value, str)))
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_unguess(item, inside_sub and index == 0) for index, item in enumerate(node)]
    if not isinstance(node, str) or (_REGION not in node and _PARTITION not in node):
        return node
    whole = {_REGION: {"Ref": "AWS::Region"}, _PARTITION: {"Ref": "AWS::Partition"}}
    if node in whole and not inside_sub:
        return whole[node]
    return _named(node) if inside_sub else {"Fn::Sub": _named(node)}


def _named(text: str) -> str:
    return text.replace(_REGION, "${AWS::Region}").replace(_PARTITION, "${AWS::Partition}")
