"""AWS Lambda: versions and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made


def provision(job: Job, function: str, qualifier: str, property_name: str) -> None:
    """Provisioned concurrency of a version or an alias."""
    config = job.get(property_name)
    key = {"FunctionName": function, "Qualifier": qualifier}
    if config:
        count = config.get("ProvisionedConcurrentExecutions")
        params = {**key, "ProvisionedConcurrentExecutions": count}
        job.call("lambda", "put_provisioned_concurrency_config", params)
    elif job.before and job.before.get(property_name):
        job.call("lambda", "delete_provisioned_concurrency_config", key)


class Version(Handler):
    """``AWS::Lambda::Version``: a change of anything publishes a new one."""

    type = "AWS::Lambda::Version"
    covers = frozenset(
        {"FunctionName", "CodeSha256", "Description", "ProvisionedConcurrencyConfig", "RuntimePolicy"}
    )
    inert: ClassVar[Mapping[str, str]] = {"RuntimePolicy": "the runtime is this Python"}

    def create(self, job: Job) -> Made:
        """PublishVersion."""
        table = {name: name for name in ("FunctionName", "CodeSha256", "Description")}
        version = job.call("lambda", "publish_version", job.pick(table))
        provision(job, version["FunctionName"], version["Version"], "ProvisionedConcurrencyConfig")
        arn = version["FunctionArn"]
        if not arn.endswith(f":{version['Version']}"):
            arn = f"{arn}:{version['Version']}"
        return Made(
            arn, {"FunctionArn": arn, "Version": version["Version"]}, {"function": version["FunctionName"]}
        )

    def delete(self, job: Job, made: Made) -> None:
        """DeleteFunction of that version."""
        params = {"FunctionName": made.notes["function"], "Qualifier": made.attributes["Version"]}
        job.call("lambda", "delete_function", params)


class Alias(Handler):
    """``AWS::Lambda::Alias``."""

    type = "AWS::Lambda::Alias"
    covers = frozenset(
        {
            "FunctionName",
            "FunctionVersion",
            "Name",
            "Description",
            "RoutingConfig",
            "ProvisionedConcurrencyConfig",
        }
    )

    def _params(self, job: Job) -> dict[str, Any]:
        table = {"FunctionName": "FunctionName", "FunctionVersion": "FunctionVersion", "Name": "Name",
                 "Description": "Description"}  # fmt: skip
        params = job.pick(table)
        routing = job.get("RoutingConfig")
        if routing or (job.before or {}).get("RoutingConfig"):
            weights = (routing or {}).get("AdditionalVersionWeights") or []
            found = {str(one["FunctionVersion"]): float(one["FunctionWeight"]) for one in weights}
            params["RoutingConfig"] = {"AdditionalVersionWeights": found}
        return params

    def create(self, job: Job) -> Made:
        """CreateAlias."""
        alias = job.call("lambda", "create_alias", self._params(job))
        provision(job, str(job.get("FunctionName")), str(job.get("Name")), "ProvisionedConcurrencyConfig")
        return Made(alias["AliasArn"], {"AliasArn": alias["AliasArn"]})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateAlias."""
        job.call("lambda", "update_alias", self._params(job))
        if job.changed("ProvisionedConcurrencyConfig"):
            provision(job, str(job.get("FunctionName")), str(job.get("Name")), "ProvisionedConcurrencyConfig")
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteAlias."""
        job.call("lambda", "delete_alias", job.pick({"FunctionName": "FunctionName", "Name": "Name"}))
