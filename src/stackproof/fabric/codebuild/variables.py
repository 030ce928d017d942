"""The variables that the commands of a build see.

Source: CodeBuild user guide, "Environment variables in build environments": StartBuild's overrides win over
the project's, the project's over those of the build specification.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric.codebuild.model import Build, Order, Project
from stackproof.fabric.service import ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.codebuild.buildspec import Spec

Ask = Callable[[str, str, dict[str, Any]], dict[str, Any]]
"""(service, operation, params) as the project's role; raises ``ServiceError``."""


def own(build: Build, project: Project, order: Order) -> dict[str, str]:
    """What CodeBuild itself sets, but for folders and addresses."""
    environment = project.given.get("environment") or {}
    source = order.overrides.get("sourceLocationOverride") or (project.given.get("source") or {}).get(
        "location"
    )
    found = {
        "AWS_REGION": project.region,
        "AWS_DEFAULT_REGION": project.region,
        "CI": "true",
        "CODEBUILD_CI": "true",
        "CODEBUILD_AGENT_ENV_CODEBUILD_CI": "true",
        "CODEBUILD_BUILD_ARN": build.arn,
        "CODEBUILD_BUILD_ID": build.id,
        "CODEBUILD_BUILD_IMAGE": str(environment.get("image", "")),
        "CODEBUILD_BUILD_NUMBER": str(build.number),
        "CODEBUILD_BUILD_SUCCEEDING": "1",
        "CODEBUILD_INITIATOR": build.initiator,
        "CODEBUILD_KMS_KEY_ID": str(project.given.get("encryptionKey") or ""),
        "CODEBUILD_LOG_PATH": build.stream,
        "CODEBUILD_PROJECT_ARN": project.arn,
        "CODEBUILD_START_TIME": str(build.start),
        "CODEBUILD_SOURCE_REPO_URL": str(source or ""),
        "CODEBUILD_SOURCE_VERSION": build.version,
        "CODEBUILD_RESOLVED_SOURCE_VERSION": build.resolved,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    return {name: value for name, value in found.items() if value}


def wanted(spec: Spec, project: Project, order: Order, ask: Ask) -> dict[str, str]:
    """The variables of specification, project and overrides. Raises ``ServiceError`` for what is missing."""
    found = dict(spec.variables)
    stored = {name: _parameter(ask, path) for name, path in spec.parameters.items()}
    secret = {name: _secret(ask, reference) for name, reference in spec.secrets.items()}
    found.update(stored)
    found.update(secret)
    environment = project.given.get("environment") or {}
    for one in environment.get("environmentVariables") or ():
        found[one["name"]] = _value(one, ask)
    for one in order.overrides.get("environmentVariablesOverride") or ():
        found[one["name"]] = _value(one, ask)
    return found


def _value(one: Mapping[str, Any], ask: Ask) -> str:
    kind = one.get("type") or "PLAINTEXT"
    if kind == "PARAMETER_STORE":
        return _parameter(ask, str(one["value"]))
    return _secret(ask, str(one["value"])) if kind == "SECRETS_MANAGER" else str(one["value"])


def _parameter(ask: Ask, name: str) -> str:
    answer = ask("ssm", "GetParameters", {"Names": [name], "WithDecryption": True})
    if not answer["Parameters"]:
        raise ServiceError("ParameterNotFound", f"[{name}]")
    return str(answer["Parameters"][0]["Value"])


def _secret(ask: Ask, reference: str) -> str:
    """``secret-id:json-key:version-stage:version-id``; an ARN has colons of its own."""
    parts = reference.split(":")
    name, rest = (":".join(parts[:7]), parts[7:]) if parts[0] == "arn" else (parts[0], parts[1:])
    key, stage, version = (*rest, "", "", "")[:3]
    params = {"SecretId": name, "VersionStage": stage, "VersionId": version}
    answer = ask("secretsmanager", "GetSecretValue", {k: v for k, v in params.items() if v})
    text = str(answer["SecretString"])
    if not key:
        return text
    try:
        return str(json.loads(text)[key])
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError("SecretsManagerException", f"secret {name} has no key '{key}'") from error
