"""Concurrency, behaviour of asynchronous invocations, function URLs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric.functions import errors
from stackproof.fabric.functions.model import LATEST, EventConfig, Function
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService

_UNRESERVED_MINIMUM = 100


class Settings:
    """What is configured beside the function itself."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._world = service.world
        self.operations: Mapping[str, Operation] = {
            "PutFunctionConcurrency": self.put_concurrency,
            "GetFunctionConcurrency": self.get_concurrency,
            "DeleteFunctionConcurrency": self.delete_concurrency,
            "PutProvisionedConcurrencyConfig": self.put_provisioned,
            "GetProvisionedConcurrencyConfig": self.get_provisioned,
            "DeleteProvisionedConcurrencyConfig": self.delete_provisioned,
            "PutFunctionEventInvokeConfig": self.put_event_config,
            "UpdateFunctionEventInvokeConfig": self.update_event_config,
            "GetFunctionEventInvokeConfig": self.get_event_config,
            "DeleteFunctionEventInvokeConfig": self.delete_event_config,
            "ListFunctionEventInvokeConfigs": self.list_event_configs,
            "CreateFunctionUrlConfig": self.create_url,
            "UpdateFunctionUrlConfig": self.update_url,
            "GetFunctionUrlConfig": self.get_url,
            "DeleteFunctionUrlConfig": self.delete_url,
            "ListFunctionUrlConfigs": self.list_urls,
        }

    # Concurrency.

    def put_concurrency(self, params: Params, caller: Caller) -> Response:
        """Reserve concurrent executions; 0 stops the function."""
        function, _ = self._service.find(params, caller)
        wanted = params["ReservedConcurrentExecutions"]
        place = (function.account, function.region)
        others = sum(
            f.reserved or 0
            for f in self._service.functions.values()
            if (f.account, f.region) == place and f is not function
        )
        if self._service.runner.account_concurrency - others - wanted < _UNRESERVED_MINIMUM:
            raise errors.invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{_UNRESERVED_MINIMUM}]."
            )
        function.reserved = wanted
        return {"ReservedConcurrentExecutions": wanted}

    def get_concurrency(self, params: Params, caller: Caller) -> Response:
        """What is reserved."""
        function, _ = self._service.find(params, caller)
        return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}

    def delete_concurrency(self, params: Params, caller: Caller) -> Response:
        """Reserve nothing."""
        self._service.find(params, caller)[0].reserved = None
        return {}

    def _provisioned(self, params: Params, caller: Caller) -> tuple[Function, str]:
        function, what = self._service.find(params, caller)
        if what.qualifier in ("", LATEST):
            raise errors.invalid(
                "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
            )
        self._service.resolve(function, what.qualifier)
        return function, what.qualifier

    def put_provisioned(self, params: Params, caller: Caller) -> Response:
        """Accepted; environments here start at once in any case."""
        function, qualifier = self._provisioned(params, caller)
        function.provisioned[qualifier] = params["ProvisionedConcurrentExecutions"]
        return self._shown_provisioned(function, qualifier)

    def get_provisioned(self, params: Params, caller: Caller) -> Response:
        """What is provisioned."""
        function, qualifier = self._provisioned(params, caller)
        if qualifier not in function.provisioned:
            raise errors.user(
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function", 404,
            )  # fmt: skip
        return self._shown_provisioned(function, qualifier)

    def delete_provisioned(self, params: Params, caller: Caller) -> Response:
        """Provision nothing."""
        function, qualifier = self._provisioned(params, caller)
        function.provisioned.pop(qualifier, None)
        return {}

    def _shown_provisioned(self, function: Function, qualifier: str) -> Response:
        count = function.provisioned[qualifier]
        return {
            "RequestedProvisionedConcurrentExecutions": count,
            "AvailableProvisionedConcurrentExecutions": count,
            "AllocatedProvisionedConcurrentExecutions": count, "Status": "READY",
            "LastModified": self._world.clock.iso(),
        }  # fmt: skip

    # Asynchronous invocation.

    def put_event_config(self, params: Params, caller: Caller) -> Response:
        """Set everything anew."""
        function, qualifier = self._qualified(params, caller)
        self._check(params)
        config = EventConfig(
            self._world.clock.now,
            params.get("MaximumRetryAttempts"),
            params.get("MaximumEventAgeInSeconds"),
            params.get("DestinationConfig") or {},
            "DestinationConfig" in params,
        )
        function.events[qualifier] = config
        return _shown_events(function, qualifier)

    def _qualified(self, params: Params, caller: Caller) -> tuple[Function, str]:
        function, what = self._service.find(params, caller)
        qualifier = what.qualifier or LATEST
        self._service.resolve(function, qualifier)
        return function, qualifier

    @staticmethod
    def _check(params: Params) -> None:
        for name, low, high in (("MaximumRetryAttempts", 0, 2), ("MaximumEventAgeInSeconds", 60, 21_600)):
            value = params.get(name)
            if value is not None and not low <= value <= high:
                member = name[0].lower() + name[1:]
                bound = f"less than or equal to {high}" if value > high else f"greater than or equal to {low}"
                raise errors.validation(value, member, f"Member must have value {bound}")

    def update_event_config(self, params: Params, caller: Caller) -> Response:
        """Change what is given."""
        function, qualifier = self._qualified(params, caller)
        self._check(params)
        config = self._config(function, qualifier)
        changes: dict[str, Any] = {
            field: params[member]
            for member, field in (
                ("MaximumRetryAttempts", "retries"),
                ("MaximumEventAgeInSeconds", "max_age"),
            )
            if params.get(member) is not None
        }
        if params.get("DestinationConfig") is not None:
            changes["destinations"] = {**config.destinations, **params["DestinationConfig"]}
            changes["with_destinations"] = True
        function.events[qualifier] = replace(config, modified=self._world.clock.now, **changes)
        return _shown_events(function, qualifier)

    @staticmethod
    def _config(function: Function, qualifier: str) -> EventConfig:
        config = function.events.get(qualifier)
        if config is None:
            raise errors.not_found(
                f"The function {function.arn}:{qualifier} doesn't have an EventInvokeConfig"
            )
        return config

    def get_event_config(self, params: Params, caller: Caller) -> Response:
        """The configuration of a qualifier."""
        function, qualifier = self._qualified(params, caller)
        self._config(function, qualifier)
        return _shown_events(function, qualifier)

    def delete_event_config(self, params: Params, caller: Caller) -> Response:
        """Back to two retries and six hours."""
        function, qualifier = self._qualified(params, caller)
        self._config(function, qualifier)
        del function.events[qualifier]
        return {}

    def list_event_configs(self, params: Params, caller: Caller) -> Response:
        """All qualifiers."""
        function, _ = self._service.find(params, caller)
        return {"FunctionEventInvokeConfigs": [_shown_events(function, name) for name in function.events]}

    # Function URLs.

    def create_url(self, params: Params, caller: Caller) -> Response:
        """An HTTPS address of the function."""
        function, what = self._service.find(params, caller)
        if what.qualifier in function.urls:
            raise errors.conflict(
                f"Failed to create function url config for [functionArn = {function.arn}]. Error message:  "
                "FunctionUrlConfig exists for this Lambda function"
            )
        now = self._world.clock.iso()
        label = self._world.ids.hex(32)
        function.urls[what.qualifier] = {
            "FunctionUrl": f"https://{label}.lambda-url.{function.region}.on.aws/",
            "FunctionArn": f"{function.arn}:{what.qualifier}" if what.qualifier else function.arn,
            "AuthType": params["AuthType"],
            **({"Cors": params["Cors"]} if params.get("Cors") else {}),
            "CreationTime": now, "LastModifiedTime": now, "InvokeMode": params.get("InvokeMode", "BUFFERED"),
        }  # fmt: skip
        shown = dict(function.urls[what.qualifier])
        shown.pop("LastModifiedTime")
        return shown

    def _url(self, params: Params, caller: Caller) -> tuple[Function, str]:
        function, what = self._service.find(params, caller)
        if what.qualifier not in function.urls:
            raise errors.not_found("The resource you requested does not exist.")
        return function, what.qualifier

    def update_url(self, params: Params, caller: Caller) -> Response:
        """Change what is given."""
        function, qualifier = self._url(params, caller)
        changes = {
            name: params[name] for name in ("AuthType", "Cors", "InvokeMode") if params.get(name) is not None
        }
        function.urls[qualifier] = {
            **function.urls[qualifier], **changes, "LastModifiedTime": self._world.clock.iso(),
        }  # fmt: skip
        return dict(function.urls[qualifier])

    def get_url(self, params: Params, caller: Caller) -> Response:
        """The address."""
        function, qualifier = self._url(params, caller)
        return dict(function.urls[qualifier])

    def delete_url(self, params: Params, caller: Caller) -> Response:
        """No address any more."""
        function, qualifier = self._url(params, caller)
        del function.urls[qualifier]
        return {}

    def list_urls(self, params: Params, caller: Caller) -> Response:
        """All addresses of a function."""
        function, _ = self._service.find(params, caller)
        return {"FunctionUrlConfigs": [dict(config) for config in function.urls.values()]}


def _shown_events(function: Function, qualifier: str) -> Response:
    config = function.events[qualifier]
    modified = datetime.fromtimestamp(config.modified, UTC)
    answer: Response = {"LastModified": modified, "FunctionArn": f"{function.arn}:{qualifier}"}
    if config.retries is not None:
        answer["MaximumRetryAttempts"] = config.retries
    if config.max_age is not None:
        answer["MaximumEventAgeInSeconds"] = config.max_age
    destinations = {"OnSuccess": {}, "OnFailure": {}, **config.destinations}
    answer["DestinationConfig"] = destinations
    return answer
