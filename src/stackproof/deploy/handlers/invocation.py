"""AWS Lambda: who invokes a function, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.fit import text
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made
from stackproof.deploy.names import uuid_of

_CALLERS = frozenset(
    {
        "apigateway", "events", "firehose", "iot", "lambda", "lambda.alarms.cloudwatch", "logs", "pipes",
        "s3", "scheduler", "sns", "sqs",
    }
)  # fmt: skip
"""Services of this world that call functions. Cognito, Alexa, SES and the like do not."""


def _short(principal: str) -> str:
    """A service's name without its domain and region (``logs.us-east-1.amazonaws.com``)."""
    name = re.sub(r"\.amazon(aws)?\.com(\.cn)?$", "", principal)
    return re.sub(r"\.[a-z]{2}(-[a-z]+)+-\d$", "", name)


class Permission(Handler):
    """``AWS::Lambda::Permission``."""

    type = "AWS::Lambda::Permission"
    _table: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            "FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken",
            "FunctionUrlAuthType", "PrincipalOrgID", "InvokedViaFunctionUrl",
        )
    }  # fmt: skip
    covers = frozenset(_table)

    def create(self, job: Job) -> Made:
        """AddPermission."""
        statement = job.name("")[-100:].lstrip("-")
        job.call("lambda", "add_permission", {"StatementId": statement, **job.pick(self._table)})
        principal = str(job.get("Principal"))
        service = principal.endswith((".amazonaws.com", ".amazon.com", ".amazonaws.com.cn"))
        if service and job.backend.kind == "embedded" and _short(principal) not in _CALLERS:
            job.left_out("Principal", f"nothing here calls functions as {principal}")
        return Made(statement, {"Id": statement}, {"function": job.get("FunctionName")})

    def delete(self, job: Job, made: Made) -> None:
        """RemovePermission."""
        params = {"FunctionName": made.notes["function"], "StatementId": made.physical_id}
        job.call("lambda", "remove_permission", params)


_MAPPING = (
    "FunctionName", "EventSourceArn", "Enabled", "BatchSize", "MaximumBatchingWindowInSeconds",
    "FilterCriteria", "FunctionResponseTypes", "ScalingConfig", "StartingPosition",
    "StartingPositionTimestamp", "BisectBatchOnFunctionError", "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds", "ParallelizationFactor",
    "TumblingWindowInSeconds", "DestinationConfig", "KmsKeyArn", "MetricsConfig", "ProvisionedPollerConfig",
    "Topics", "Queues", "SourceAccessConfigurations", "SelfManagedEventSource",
    "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig",
    "LoggingConfig",
)  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    "Enabled": True,
    "MaximumBatchingWindowInSeconds": 0,
    "FilterCriteria": {"Filters": []},
    "FunctionResponseTypes": [],
    "ScalingConfig": {},
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
    "DestinationConfig": {},
}
_UNKNOWN_SOURCE = "Unrecognized event source"
"""How Lambda begins to refuse a source that it cannot poll here (real ones are all known to AWS)."""


class EventSourceMapping(Handler):
    """``AWS::Lambda::EventSourceMapping``."""

    type = "AWS::Lambda::EventSourceMapping"
    covers = frozenset(_MAPPING) | {"Tags"}

    def _params(self, job: Job, names: Any) -> dict[str, Any]:
        params = {name: job.get(name, _DEFAULTS.get(name)) for name in names}
        filters = params.get("FilterCriteria")
        if filters:
            found = [{"Pattern": text(one.get("Pattern"))} for one in filters.get("Filters") or []]
            params["FilterCriteria"] = {"Filters": found}
        position = params.get("StartingPositionTimestamp")
        if position is not None:
            params["StartingPositionTimestamp"] = float(position)
        return params

    def create(self, job: Job) -> Made:
        """CreateEventSourceMapping; where nothing polls the source it is named, the mapping pretended."""
        from botocore.exceptions import ClientError

        params = self._params(job, [name for name in _MAPPING if name in job.properties])
        notes: dict[str, Any] = {}
        try:
            answer = job.call("lambda", "create_event_source_mapping", {**params, "Tags": job.tags() or None})
        except ClientError as error:
            if _UNKNOWN_SOURCE not in str(error):
                raise
            answer, notes = (
                {"UUID": uuid_of(job.place.stack_id, job.logical_id, job.serial)},
                {"pretended": True},
            )
            kind = str(job.get("EventSourceArn", "")).split(":")[2:3]
            job.not_emulated(
                "EventSourceArn", f"nothing polls {''.join(kind)} here, no record reaches the function"
            )
        place = job.place
        arn = answer.get("EventSourceMappingArn") or (
            f"arn:{place.partition}:lambda:{place.region}:{place.account}:event-source-mapping:{answer['UUID']}"
        )
        return Made(answer["UUID"], {"Id": answer["UUID"], "EventSourceMappingArn": arn}, notes)

    def update(self, job: Job, made: Made) -> Made:
        """UpdateEventSourceMapping with what changed."""
        names = [name for name in _MAPPING if job.changed(name)]
        if names and "pretended" not in made.notes:
            params = self._params(job, names)
            job.call("lambda", "update_event_source_mapping", {"UUID": made.physical_id, **params})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteEventSourceMapping."""
        if "pretended" in made.notes:
            return
        job.call("lambda", "delete_event_source_mapping", {"UUID": made.physical_id})


class EventInvokeConfig(Handler):
    """``AWS::Lambda::EventInvokeConfig``."""

    type = "AWS::Lambda::EventInvokeConfig"
    _table: ClassVar[Mapping[str, str]] = {
        name: name
        for name in (
            "FunctionName", "Qualifier", "DestinationConfig", "MaximumEventAgeInSeconds",
            "MaximumRetryAttempts",
        )
    }  # fmt: skip
    covers = frozenset(_table)

    def create(self, job: Job) -> Made:
        """PutFunctionEventInvokeConfig."""
        job.call("lambda", "put_function_event_invoke_config", job.pick(self._table))
        return Made(f"{job.get('FunctionName')}|{job.get('Qualifier')}")

    def update(self, job: Job, made: Made) -> Made:
        """As create: Put sets everything anew."""
        self.create(job)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteFunctionEventInvokeConfig."""
        params = job.pick({"FunctionName": "FunctionName", "Qualifier": "Qualifier"})
        job.call("lambda", "delete_function_event_invoke_config", params)


class Url(Handler):
    """``AWS::Lambda::Url``."""

    type = "AWS::Lambda::Url"
    _table: ClassVar[Mapping[str, str]] = {
        "TargetFunctionArn": "FunctionName", "Qualifier": "Qualifier", "AuthType": "AuthType", "Cors": "Cors",
        "InvokeMode": "InvokeMode",
    }  # fmt: skip
    covers = frozenset(_table)

    def create(self, job: Job) -> Made:
        """CreateFunctionUrlConfig."""
        if job.get("InvokeMode") == "RESPONSE_STREAM":
            job.left_out("InvokeMode", "answers are not streamed, requests are refused")
        answer = job.call("lambda", "create_function_url_config", job.pick(self._table), self._table)
        return Made(answer["FunctionArn"], {name: answer[name] for name in ("FunctionArn", "FunctionUrl")})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateFunctionUrlConfig."""
        job.call("lambda", "update_function_url_config", job.pick(self._table), self._table)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteFunctionUrlConfig."""
        table = {"TargetFunctionArn": "FunctionName", "Qualifier": "Qualifier"}
        job.call("lambda", "delete_function_url_config", job.pick(table))
