"""A stand-in for the AWS CLI, for machines without one: ``fabric.codebuild.tool("aws", awscli.aws)``.

It reads a command line as the CLI does (``aws events put-events --entries '[…]' --query … --output text``)
by botocore's own models and makes the call as the build's role. ``s3`` (cp, sync) and other commands that
are no API operations are not there: they end with 252, as an unknown command of the CLI does.
"""

from __future__ import annotations

import json
from typing import Any

from stackproof.fabric.codebuild.tools import Answer, Call

_USAGE, _CLIENT = 252, 254
"""Exit codes of the AWS CLI: a wrong command line, an error that the service answers."""


class _Wrong(Exception):
    """A command line that nobody can read."""


def aws(call: Call) -> Answer:
    """What ``aws`` does with these arguments."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return Answer(output=_run(list(call.arguments), call))
    except _Wrong as error:
        return Answer(_USAGE, errors=f"\naws: error: {error}\n")
    except BotoCoreError as error:
        return Answer(_USAGE, errors=f"\n{error}\n")
    except ClientError as error:
        return Answer(_CLIENT, errors=f"\n{error}\n")


def _run(arguments: list[str], call: Call) -> str:
    from boto3 import client as made
    from botocore import xform_name
    from botocore.exceptions import UnknownServiceError

    options = _options(arguments)
    words = [one for one in options.pop("", []) if one]
    if len(words) != 2:
        raise _Wrong(f"a service and an operation are wanted, not '{' '.join(words)}'")
    region = _last(options, "region") or call.environment.get("AWS_REGION", "")
    query, output = _last(options, "query"), _last(options, "output") or "json"
    for name in ("no-cli-pager", "no-paginate", "only-show-errors", "debug"):
        options.pop(name, None)
    try:
        make: Any = made
        client = make(_service(words[0]), region_name=region or None)
    except UnknownServiceError as error:
        raise _Wrong(f"'{words[0]}' is no service") from error
    names = {xform_name(one, "-"): one for one in client.meta.service_model.operation_names}
    if words[1] not in names:
        raise _Wrong(f"'{words[1]}' is no operation of {words[0]}")
    shape = client.meta.service_model.operation_model(names[words[1]]).input_shape
    params = _params(shape, options)
    answer = getattr(client, xform_name(names[words[1]]))(**params)
    answer.pop("ResponseMetadata", None)
    return _shown(answer, query, output)


def _service(word: str) -> str:
    """The CLI calls S3's operations ``s3api``; its ``s3`` is a set of commands of its own."""
    if word == "s3":
        raise _Wrong("the commands of 'aws s3' are not there, s3api is")
    return "s3" if word == "s3api" else word


def _options(arguments: list[str]) -> dict[str, list[str]]:
    """Values by option; words that stand before any option are under ""."""
    found: dict[str, list[str]] = {"": []}
    at = ""
    for one in arguments:
        if one.startswith("--"):
            at, equals, value = one[2:].partition("=")
            found[at] = [value] if equals else []
        else:
            found[at].append(one)
    return found


def _last(options: dict[str, list[str]], name: str) -> str:
    values = options.pop(name, [])
    return values[-1] if values else ""


def _params(shape: Any, options: dict[str, list[str]]) -> dict[str, Any]:
    from botocore import xform_name

    members = {xform_name(name, "-"): name for name in (shape.members if shape is not None else ())}
    found = {}
    for name, values in options.items():
        if name not in members and name.startswith("no-") and name[3:] in members:
            found[members[name[3:]]] = False
            continue
        if name not in members:
            raise _Wrong(f"unknown option --{name}")
        found[members[name]] = _value(shape.members[members[name]], values, name)
    return found


def _value(shape: Any, values: list[str], name: str) -> Any:
    kind = shape.type_name
    if kind == "boolean":
        return not values or values[0].lower() == "true"
    if kind in ("structure", "map", "list") and values and values[0].lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(values[0])
        except ValueError as error:
            raise _Wrong(f"--{name}: invalid JSON: {error}") from error
        return [found] if kind == "list" and not isinstance(found, list) else found
    if kind == "list" and shape.member.type_name in ("string", "integer", "long"):
        return [_scalar(shape.member.type_name, one) for one in values]
    if kind in ("structure", "map", "list"):
        raise _Wrong(f"--{name} takes JSON here")
    return _scalar(kind, " ".join(values))


def _scalar(kind: str, text: str) -> Any:
    if kind in ("integer", "long"):
        return int(text)
    if kind in ("float", "double"):
        return float(text)
    return text.encode() if kind == "blob" else text


def _shown(answer: Any, query: str, output: str) -> str:
    if query:
        import jmespath

        answer = jmespath.search(query, answer)
    if output == "text":
        return f"{_text(answer)}\n"
    if output != "json":
        raise _Wrong(f"--output {output} is not there; json or text")
    return f"{json.dumps(answer, indent=4, default=str)}\n" if answer not in ({}, None) or query else ""


def _text(value: Any) -> str:
    """As the CLI's text output: lists by tabs, nothing as ``None``."""
    if isinstance(value, list):
        rows = [_text(one) for one in value]
        return ("\n" if any(isinstance(one, list | dict) for one in value) else "\t").join(rows)
    if isinstance(value, dict):
        return "\t".join(_text(value[name]) for name in sorted(value))
    return str(value)
