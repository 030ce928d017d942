"""CreateFunction and its kin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.clock import iso
from stackproof.fabric.functions import errors
from stackproof.fabric.functions.model import LATEST, Code, Function, Version
from stackproof.fabric.functions.names import named
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService

_PLAIN = (
    "Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "VpcConfig", "DeadLetterConfig",
    "Environment", "KMSKeyArn", "TracingConfig", "FileSystemConfigs", "ImageConfig", "EphemeralStorage",
    "SnapStart", "LoggingConfig",
)  # fmt: skip
_ROLE = re.compile(r"arn:aws[a-zA-Z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
_RESERVED = frozenset((
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
))  # fmt: skip
ENVIRONMENT_LIMIT = 4096
"""Bytes of all environment variables together."""


class Admin:
    """The life of functions."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "CreateFunction": self.create_function,
            "UpdateFunctionCode": self.update_function_code,
            "UpdateFunctionConfiguration": self.update_function_configuration,
            "GetFunction": self.get_function,
            "GetFunctionConfiguration": self.get_function_configuration,
            "DeleteFunction": self.delete_function,
            "ListFunctions": self.list_functions,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTags": self.list_tags,
            "GetAccountSettings": self.get_account_settings,
        }

    def create_function(self, params: Params, caller: Caller) -> Response:
        """Validate, take the code in, and answer the new configuration in state Pending."""
        what = named(params["FunctionName"], caller)
        if what.arn in self._service.functions:
            raise errors.conflict(f"Function already exist: {what.name}")
        image = params.get("PackageType") == "Image"
        if not image and not (params.get("Runtime") and params.get("Handler")):
            raise errors.invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        _check(params)
        code = self._service.code.of(what.arn, what.name, params["Code"], caller)
        given = {name: params[name] for name in _PLAIN if params.get(name) is not None}
        config = {
            "FunctionName": what.name, "Description": "", "Timeout": 3, "MemorySize": 128,
            "PackageType": params.get("PackageType", "Zip"),
            "Architectures": params.get("Architectures") or ["x86_64"],
            "EphemeralStorage": {"Size": 512}, "TracingConfig": {"Mode": "PassThrough"},
            **given,
            "LastModified": self._now(), "RevisionId": self._world.ids.uuid(),
        }  # fmt: skip
        version = Version(what.arn, LATEST, config, code, self._layers(params, caller))
        parsed = arns.parse(what.arn)
        assert parsed is not None  # ``named`` made it
        function = Function(what.arn, what.name, parsed.account, parsed.region, version)
        function.tags = dict(params.get("Tags") or {})
        config["Layers"] = list(params.get("Layers") or ())
        self._service.functions[what.arn] = function
        response = {**shown(function, version, qualified=False), **_PENDING}
        response.pop("LastUpdateStatus", None)
        if params.get("Publish"):
            published = self._service.versions.publish(function, "")
            response["Version"] = published.number
        return response

    def _layers(self, params: Params, caller: Caller) -> tuple[Any, ...]:
        return self._service.layers.roots(params.get("Layers") or (), caller)

    def _now(self) -> str:
        return iso(self._world.clock.ms).replace("Z", "+0000")

    def _stamp(self) -> dict[str, str]:
        return {"LastModified": self._now(), "RevisionId": self._world.ids.uuid()}

    def update_function_code(self, params: Params, caller: Caller) -> Response:
        """New code; environments of the old one are thrown away."""
        function, _ = self._service.find(params, caller)
        self._check_revision(function, params)
        code = self._service.code.of(function.arn, function.name, params, caller)
        config = {**function.latest.config, **self._stamp()}
        if params.get("Architectures"):
            config["Architectures"] = params["Architectures"]
        if params.get("DryRun"):
            return shown(function, function.latest, qualified=False)
        version = function.updated(code=code, config=config)
        self._service.runner.forget(function.arn)
        if params.get("Publish"):
            version = self._service.versions.publish(function, "")
        return {**shown(function, version, qualified=False), **_UPDATING}

    def update_function_configuration(self, params: Params, caller: Caller) -> Response:
        """New settings; members that are not given stay."""
        function, _ = self._service.find(params, caller)
        self._check_revision(function, params)
        _check(params)
        changes: dict[str, Any] = {name: params[name] for name in _PLAIN if params.get(name) is not None}
        target = changes.get("DeadLetterConfig", {}).get("TargetArn")
        if target is None:
            # An empty DeadLetterConfig changes nothing (recorded); an empty TargetArn takes it away.
            changes.pop("DeadLetterConfig", None)
        elif not target:
            changes["DeadLetterConfig"] = None
        extra: dict[str, Any] = {}
        if params.get("Layers") is not None:
            changes["Layers"] = list(params["Layers"])
            extra["layers"] = self._layers(params, caller)
        version = function.updated(config={**function.latest.config, **changes, **self._stamp()}, **extra)
        self._service.runner.forget(function.arn)
        return {**shown(function, version, qualified=False), **_UPDATING}

    @staticmethod
    def _check_revision(function: Function, params: Params) -> None:
        wanted = params.get("RevisionId")
        if wanted and wanted != function.latest.config["RevisionId"]:
            raise errors.user(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the "
                "GetFunction/GetAlias API to retrieve the latest Revision Id", 412,
            )  # fmt: skip

    def get_function_configuration(self, params: Params, caller: Caller) -> Response:
        """The configuration of a version."""
        function, what = self._service.find(params, caller)
        return shown(function, self._resolve(function, what.qualifier), qualified=bool(what.qualifier))

    def _resolve(self, function: Function, qualifier: str) -> Version:
        alias = function.aliases.get(qualifier)
        found = function.version(alias.version if alias else qualifier or LATEST)
        if found is None:
            raise errors.no_function(f"{function.arn}:{qualifier}")
        return found

    def get_function(self, params: Params, caller: Caller) -> Response:
        """The configuration, the place of the code, tags, reserved concurrency."""
        function, what = self._service.find(params, caller)
        version = self._resolve(function, what.qualifier)
        place = f"https://awslambda-{function.region}-tasks.s3.{function.region}.amazonaws.com/snapshots/{function.account}/{function.name}"
        response: Response = {
            "Configuration": shown(function, version, qualified=bool(what.qualifier)),
            "Code": {"RepositoryType": "S3", "Location": place},
        }
        if version.code.image:
            response["Code"] = {
                "RepositoryType": "ECR",
                "ImageUri": version.code.image,
                "ResolvedImageUri": version.code.image,
            }
        if function.tags:
            response["Tags"] = dict(function.tags)
        if function.reserved is not None:
            response["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        return response

    def delete_function(self, params: Params, caller: Caller) -> Response:
        """The function with everything on it, or one version."""
        function, what = self._service.find(params, caller)
        if what.qualifier == LATEST:
            raise errors.invalid("$LATEST version cannot be deleted without deleting the function.")
        if what.qualifier:
            if any(alias.version == what.qualifier for alias in function.aliases.values()):
                raise errors.conflict(f"Version {what.qualifier} is used by an alias and cannot be deleted")
            function.versions.pop(what.qualifier, None)
            return {}
        self._service.runner.forget(function.arn)
        del self._service.functions[function.arn]
        return {}

    def list_functions(self, params: Params, caller: Caller) -> Response:
        """Functions of the account and region by name, page by page."""
        found = [
            function
            for _, function in sorted(self._service.functions.items())
            if (function.account, function.region) == (caller.account, caller.region)
        ]
        entries = []
        for function in found:
            entries.append(shown(function, function.latest, qualified=params.get("FunctionVersion") == "ALL"))
            if params.get("FunctionVersion") == "ALL":
                entries += [
                    shown(function, version, qualified=True) for version in function.versions.values()
                ]
        return paged("Functions", entries, params)

    # Tags.

    def _tagged(self, params: Params, caller: Caller) -> dict[str, str]:
        resource = str(params["Resource"])
        mapping = self._service.mappings.tags_of(resource)
        if mapping is not None:
            return mapping
        return self._service.find({"FunctionName": resource}, caller)[0].tags

    def tag_resource(self, params: Params, caller: Caller) -> Response:
        """Add tags."""
        self._tagged(params, caller).update(params["Tags"])
        return {}

    def untag_resource(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        tags = self._tagged(params, caller)
        for key in params["TagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags(self, params: Params, caller: Caller) -> Response:
        """All tags."""
        return {"Tags": dict(self._tagged(params, caller))}

    def get_account_settings(self, params: Params, caller: Caller) -> Response:
        """Limits and use of the account."""
        place = (caller.account, caller.region)
        mine = [f for f in self._service.functions.values() if (f.account, f.region) == place]
        reserved = sum(function.reserved or 0 for function in mine)
        limit = self._service.runner.account_concurrency
        return {
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800, "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": limit - reserved,
            },
            "AccountUsage": {
                "TotalCodeSize": sum(f.latest.code.size for f in mine), "FunctionCount": len(mine),
            },
        }  # fmt: skip


_PENDING = {
    "State": "Pending",
    "StateReason": "The function is being created.",
    "StateReasonCode": "Creating",
}
_UPDATING = {
    "LastUpdateStatus": "InProgress", "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}  # fmt: skip


def _check(params: Params) -> None:
    role = params.get("Role")
    if role is not None and not _ROLE.fullmatch(role):
        raise errors.validation(
            role, "role",
            "Member must satisfy regular expression pattern: "
            "arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
        )  # fmt: skip
    for name, low, high in (("Timeout", 1, 900), ("MemorySize", 128, 10_240)):
        value = params.get(name)
        if value is not None and not low <= value <= high:
            member = name[0].lower() + name[1:]
            bound = f"less than or equal to {high}" if value > high else f"greater than or equal to {low}"
            raise errors.validation(value, member, f"Member must have value {bound}")
    variables = (params.get("Environment") or {}).get("Variables") or {}
    taken = sorted(_RESERVED.intersection(variables))
    if taken:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you "
            "have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(taken)}"
        )
    size = sum(len(key.encode()) + len(value.encode()) for key, value in variables.items())
    if size > ENVIRONMENT_LIMIT:
        raise errors.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you "
            f"have provided exceeded the 4KB limit. String measured: {size}"
        )


def shown(function: Function, version: Version, *, qualified: bool) -> Response:
    """A FunctionConfiguration as the API answers it."""
    config = version.config
    code: Code = version.code
    answer: Response = {
        name: value for name, value in config.items() if value not in (None, "") or name == "Description"
    }
    answer.pop("Layers", None)
    answer.update(
        FunctionArn=version.arn if qualified or version.number != LATEST else function.arn,
        Version=version.number,
        CodeSha256=code.sha256,
        CodeSize=code.size,
        State="Active",
        LastUpdateStatus="Successful",
        SnapStart={
            "ApplyOn": (config.get("SnapStart") or {}).get("ApplyOn", "None"),
            "OptimizationStatus": "Off",
        },
        LoggingConfig={
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{function.name}",
            **config.get("LoggingConfig", {}),
        },
    )
    if config.get("Runtime"):
        place = f"arn:{arns.partition(function.region)}:lambda:{function.region}::runtime:"
        answer["RuntimeVersionConfig"] = {"RuntimeVersionArn": place + _runtime_digest(config["Runtime"])}
    if config.get("Layers"):
        answer["Layers"] = [{"Arn": arn, "CodeSize": 0} for arn in config["Layers"]]
    return answer


def _runtime_digest(runtime: str) -> str:
    import hashlib

    return hashlib.sha256(runtime.encode()).hexdigest()


def paged(member: str, entries: list[Any], params: Params) -> Response:
    """A page of a list answer: ``Marker`` is the number of the first entry, ``MaxItems`` at most 50."""
    start = int(params.get("Marker") or 0)
    size = min(int(params.get("MaxItems") or 50), 50)
    response: Response = {member: entries[start : start + size]}
    if start + size < len(entries):
        response["NextMarker"] = str(start + size)
    return response
