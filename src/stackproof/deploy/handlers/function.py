"""AWS Lambda: functions."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy import images, runtimes
from stackproof.deploy.code import code_of
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.images import Image
from stackproof.deploy.model import Made

_NO_NETWORK = "functions reach every resource of the world, and nothing outside it"
_CONFIGURATION: dict[str, Any] = {
    "Role": None,
    "Handler": None,
    "Runtime": None,
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "VpcConfig": {},
    "DeadLetterConfig": {"TargetArn": ""},
    "Environment": {"Variables": {}},
    "KmsKeyArn": "",
    "TracingConfig": {"Mode": "PassThrough"},
    "Layers": [],
    "FileSystemConfigs": [],
    "ImageConfig": {},
    "EphemeralStorage": {"Size": 512},
    "SnapStart": {"ApplyOn": "None"},
    "LoggingConfig": {"LogFormat": "Text"},
}
"""Properties of UpdateFunctionConfiguration with what a removed one goes back to (None: it is required)."""
_TABLE = {name: name for name in _CONFIGURATION} | {"KmsKeyArn": "KMSKeyArn"}
_CREATE = _TABLE | {name: name for name in ("PackageType", "Architectures", "CodeSigningConfigArn")}
_CODE = frozenset({"Code", "Architectures"})


class Function(Handler):
    """``AWS::Lambda::Function``."""

    type = "AWS::Lambda::Function"
    covers = frozenset(_CREATE) | {
        "FunctionName",
        "Code",
        "ReservedConcurrentExecutions",
        "RecursiveLoop",
        "RuntimeManagementConfig",
        "Tags",
    }
    inert: ClassVar[Mapping[str, str]] = {
        "VpcConfig": _NO_NETWORK,
        "FileSystemConfigs": "no file system is mounted",
        "CodeSigningConfigArn": "signatures are not checked",
        "RecursiveLoop": "loops are not detected",
        "SnapStart": "every environment starts cold",
        "RuntimeManagementConfig": "runtimes are not updated",
    }

    def create(self, job: Job) -> Made:
        """CreateFunction, then its reserved concurrency."""
        image = _unpacked(job)
        _check_runtime(job)
        name = job.name("FunctionName")
        params = {
            "FunctionName": name,
            "Code": self._code(job, name, image),
            "Tags": job.tags() or None,
            **job.pick(_CREATE),
        }
        made = job.call("lambda", "create_function", params, _CREATE)
        self._concurrency(job, name)
        arn = made["FunctionArn"]
        return Made(name, {"Arn": arn}, {"code": job.get("Code")})

    @staticmethod
    def _code(job: Job, name: str, image: Image | None) -> dict[str, Any]:
        return image.code(job, name) if image else code_of(job, "function", name, job.get("Code"))

    def _concurrency(self, job: Job, name: str) -> None:
        reserved = job.get("ReservedConcurrentExecutions")
        if reserved is not None:
            params = {"FunctionName": name, "ReservedConcurrentExecutions": reserved}
            job.call("lambda", "put_function_concurrency", params)
        elif job.before and "ReservedConcurrentExecutions" in job.before:
            job.call("lambda", "delete_function_concurrency", {"FunctionName": name})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateFunctionCode and UpdateFunctionConfiguration, each when something of it changed."""
        name = made.physical_id
        image = _unpacked(job)
        _check_runtime(job)
        if job.changed(*_CODE):
            params = {
                "FunctionName": name,
                **self._code(job, name, image),
                **job.pick({"Architectures": "Architectures"}),
            }
            job.call("lambda", "update_function_code", params)
        changed = {key: default for key, default in _CONFIGURATION.items() if job.changed(key)}
        if changed:
            params = {_TABLE[key]: job.get(key, default) for key, default in changed.items()}
            job.call("lambda", "update_function_configuration", {"FunctionName": name, **params}, _TABLE)
        if job.changed("ReservedConcurrentExecutions"):
            self._concurrency(job, name)
        arn = str(made.attributes["Arn"])
        removed = job.removed_tags()
        if removed:
            job.call("lambda", "untag_resource", {"Resource": arn, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("lambda", "tag_resource", {"Resource": arn, "Tags": job.tags()})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteFunction; its folder is forgotten."""
        job.call("lambda", "delete_function", {"FunctionName": made.physical_id})
        job.backend.code("function", made.physical_id, None)


def _unpacked(job: Job) -> Image | None:
    """The image that the function would be built from: here it becomes code with a runtime."""
    if job.get("PackageType") != "Image":
        return None
    try:
        image = images.of(job)
    except images.NotReadable as error:
        job.not_emulated("PackageType", str(error))
        return None
    if image is None:
        return None
    job.left_out("PackageType", f"no image is built: what its Dockerfile copies runs as {image.runtime}")
    for line in image.ignored:
        job.left_out(f"Metadata.Dockerfile ({line[:60]})", "not run")
    job.properties = _as_code(job.properties, image)
    job.before = None if job.before is None else _as_code(job.before, image)
    return image


def _as_code(properties: Mapping[str, Any], image: Image) -> dict[str, Any]:
    kept = {key: value for key, value in properties.items() if key not in ("PackageType", "ImageConfig")}
    given = (properties.get("Environment") or {}).get("Variables") or {}
    variables = {"Environment": {"Variables": {**image.environment, **given}}} if image.environment else {}
    return {**kept, "Runtime": image.runtime, "Handler": image.handler, **variables}


def _check_runtime(job: Job) -> None:
    """Refuse what AWS refuses, and name a runtime that nothing here runs: the function is there, an
    invocation is refused by name."""
    runtime = str(job.get("Runtime", ""))
    if runtime:
        runtimes.check(job, runtime)
    if not runtime and not job.pretended:
        job.not_emulated("PackageType", "container images do not run here")
    elif not runtime:
        return
    elif runtime.startswith("nodejs"):
        if shutil.which("node") is None:
            job.not_emulated("Runtime", "node is not installed on this machine")
    elif not runtime.startswith("python"):
        job.not_emulated("Runtime", f"nothing here runs {runtime}")
