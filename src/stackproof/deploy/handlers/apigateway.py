"""Amazon API Gateway, REST APIs: the API itself, also from a definition, and its deployments and stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy import openapi
from stackproof.deploy.fit import document, text
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.handlers import apigateway_responses
from stackproof.deploy.handlers.apigateway_body import build
from stackproof.deploy.model import Made
from stackproof.deploy.simple import Simple


def patches(job: Job, table: Mapping[str, str]) -> list[dict[str, str]]:
    """Patch operations for the changed properties; ``table`` is property to path."""
    found: list[dict[str, str]] = []
    for name, path in table.items():
        if job.changed(name):
            value = text(job.get(name, ""))
            found.append({"op": "replace", "path": path, "value": str(value)})
    return found


class RestApi(Handler):
    """``AWS::ApiGateway::RestApi``."""

    type = "AWS::ApiGateway::RestApi"
    _table: ClassVar[Mapping[str, str]] = {
        "Description": "description",
        "EndpointConfiguration": "endpointConfiguration",
        "BinaryMediaTypes": "binaryMediaTypes",
        "ApiKeySourceType": "apiKeySource",
        "MinimumCompressionSize": "minimumCompressionSize",
        "DisableExecuteApiEndpoint": "disableExecuteApiEndpoint",
    }
    covers = frozenset(_table) | {
        "Name",
        "Body",
        "BodyS3Location",
        "Policy",
        "Parameters",
        "FailOnWarnings",
        "Tags",
        "Mode",
    }

    inert: ClassVar[Mapping[str, str]] = {
        "FailOnWarnings": "definitions are not linted",
        "Mode": "a definition always takes the place of the old one",
    }
    _fixed = ("BinaryMediaTypes", "EndpointConfiguration", "MinimumCompressionSize")

    def create(self, job: Job) -> Made:
        """CreateRestApi, then what its definition says."""
        body = openapi.definition(job)
        title = (body.get("info") or {}).get("title")
        params = {
            "name": job.get("Name") or title or job.logical_id,
            "policy": document(job.get("Policy")) if job.get("Policy") else None,
            "tags": job.tags() or None,
            **job.pick(self._table),
        }
        answer = job.call("apigateway", "create_rest_api", params, self._table)
        api = answer["id"]
        resources = job.call("apigateway", "get_resources", {"restApiId": api})["items"]
        root = next(one["id"] for one in resources if one["path"] == "/")
        for name in sorted(set(job.get("Parameters") or {}) - {"endpointConfigurationTypes"}):
            job.left_out(f"Parameters.{name}", "parameters of an import change nothing")
        if body:
            build(job, api, root, body)
        return Made(api, {"RestApiId": api, "RootResourceId": root})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateRestApi; a changed definition takes the place of the old one as a whole."""
        table = {"Name": "/name", "Description": "/description", "ApiKeySourceType": "/apiKeySource"}
        table |= {"DisableExecuteApiEndpoint": "/disableExecuteApiEndpoint", "Policy": "/policy"}
        found = patches(job, table)
        if found:
            params = {"restApiId": made.physical_id, "patchOperations": found}
            job.call("apigateway", "update_rest_api", params)
        for name in self._fixed:
            if job.changed(name):
                job.left_out(name, "a change has an effect on a new API only")
        if job.changed("Body", "BodyS3Location"):
            self._clear(job, made)
            build(job, made.physical_id, str(made.attributes["RootResourceId"]), openapi.definition(job))
        return made

    def _clear(self, job: Job, made: Made) -> None:
        api, root = made.physical_id, str(made.attributes["RootResourceId"])
        found = job.call("apigateway", "get_resources", {"restApiId": api})["items"]
        # The deepest first: not every backend deletes what is below.
        for one in sorted(found, key=lambda item: -item["path"].count("/")):
            if one["id"] != root:
                job.call("apigateway", "delete_resource", {"restApiId": api, "resourceId": one["id"]})
            else:
                for verb in one.get("resourceMethods") or {}:
                    params = {"restApiId": api, "resourceId": root, "httpMethod": verb}
                    job.call("apigateway", "delete_method", params)
        apigateway_responses.clear(job, api)
        for one in job.call("apigateway", "get_authorizers", {"restApiId": api})["items"]:
            job.call("apigateway", "delete_authorizer", {"restApiId": api, "authorizerId": one["id"]})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteRestApi."""
        job.call("apigateway", "delete_rest_api", {"restApiId": made.physical_id})


class Resource(Simple):
    """``AWS::ApiGateway::Resource``."""

    type = "AWS::ApiGateway::Resource"
    service = "apigateway"
    table: ClassVar[Mapping[str, str]] = {"ParentId": "parentId", "PathPart": "pathPart"}
    owners: ClassVar[Mapping[str, str]] = {"RestApiId": "restApiId"}
    creates, deletes = "create_resource", "delete_resource"
    key, identifier = "resourceId", "id"
    answers: ClassVar[Mapping[str, str]] = {"ResourceId": "id"}


class Deployment(Simple):
    """``AWS::ApiGateway::Deployment``."""

    type = "AWS::ApiGateway::Deployment"
    service = "apigateway"
    table: ClassVar[Mapping[str, str]] = {"StageName": "stageName", "Description": "description"}
    owners: ClassVar[Mapping[str, str]] = {"RestApiId": "restApiId"}
    creates = "create_deployment"
    deletes = "delete_deployment"
    key, identifier = "deploymentId", "id"
    answers: ClassVar[Mapping[str, str]] = {"DeploymentId": "id"}

    def delete(self, job: Job, made: Made) -> None:
        """DeleteDeployment, after the stage that came with it."""
        if job.get("StageName"):
            stages = job.call("apigateway", "get_stages", job.pick(self.owners))["item"]
            for stage in stages:
                if stage["stageName"] == job.get("StageName") and stage["deploymentId"] == made.physical_id:
                    params = {**job.pick(self.owners), "stageName": stage["stageName"]}
                    job.call("apigateway", "delete_stage", params)
        super().delete(job, made)


class Stage(Handler):
    """``AWS::ApiGateway::Stage``."""

    type = "AWS::ApiGateway::Stage"
    _table: ClassVar[Mapping[str, str]] = {
        "RestApiId": "restApiId",
        "StageName": "stageName",
        "DeploymentId": "deploymentId",
        "Description": "description",
        "Variables": "variables",
        "CacheClusterEnabled": "cacheClusterEnabled",
        "CacheClusterSize": "cacheClusterSize",
        "TracingEnabled": "tracingEnabled",
        "DocumentationVersion": "documentationVersion",
    }
    covers = frozenset(_table) | {"Tags", "MethodSettings", "AccessLogSetting", "CanarySetting"}
    inert: ClassVar[Mapping[str, str]] = {
        "MethodSettings": "requests are not throttled, cached or logged",
        "AccessLogSetting": "no access log is written",
        "CanarySetting": "every request meets the stage's own deployment",
        "CacheClusterEnabled": "answers are not cached",
    }

    def create(self, job: Job) -> Made:
        """CreateStage."""
        params = {**job.pick(self._table), "tags": job.tags() or None}
        params.setdefault("stageName", "default")
        job.call("apigateway", "create_stage", params, self._table)
        return Made(str(params["stageName"]))

    def update(self, job: Job, made: Made) -> Made:
        """UpdateStage by patches."""
        table = {"DeploymentId": "/deploymentId", "Description": "/description"}
        table |= {"TracingEnabled": "/tracingEnabled", "DocumentationVersion": "/documentationVersion"}
        found = patches(job, {**table, "CacheClusterSize": "/cacheClusterSize"})
        old, new = (job.before or {}).get("Variables") or {}, job.get("Variables") or {}
        found += [{"op": "remove", "path": f"/variables/{name}"} for name in old if name not in new]
        found += [
            {"op": "replace", "path": f"/variables/{name}", "value": text(value)}
            for name, value in new.items()
            if old.get(name) != value
        ]
        if found:
            params = {**job.pick({"RestApiId": "restApiId"}), "stageName": made.physical_id}
            job.call("apigateway", "update_stage", {**params, "patchOperations": found})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteStage."""
        params = {**job.pick({"RestApiId": "restApiId"}), "stageName": made.physical_id}
        job.call("apigateway", "delete_stage", params)


class Account(Handler):
    """``AWS::ApiGateway::Account``: the role that writes logs, which nobody writes here."""

    type = "AWS::ApiGateway::Account"
    covers = frozenset({"CloudWatchRoleArn"})

    def create(self, job: Job) -> Made:
        """Nothing to make."""
        return Made(job.name(""), {"Id": job.name("")})

    def update(self, job: Job, made: Made) -> Made:
        """Nothing to change."""
        return made


class GatewayAuthorizer(Simple):
    """``AWS::ApiGateway::Authorizer``."""

    type = "AWS::ApiGateway::Authorizer"
    service = "apigateway"
    table: ClassVar[Mapping[str, str]] = {
        "Name": "name",
        "Type": "type",
        "ProviderARNs": "providerARNs",
        "AuthType": "authType",
        "AuthorizerUri": "authorizerUri",
        "AuthorizerCredentials": "authorizerCredentials",
        "IdentitySource": "identitySource",
        "IdentityValidationExpression": "identityValidationExpression",
        "AuthorizerResultTtlInSeconds": "authorizerResultTtlInSeconds",
    }
    owners: ClassVar[Mapping[str, str]] = {"RestApiId": "restApiId"}
    creates, deletes = "create_authorizer", "delete_authorizer"
    key, identifier = "authorizerId", "id"
    answers: ClassVar[Mapping[str, str]] = {"AuthorizerId": "id"}
    replaces = frozenset(table)


class Model(Simple):
    """``AWS::ApiGateway::Model``."""

    type = "AWS::ApiGateway::Model"
    service = "apigateway"
    named = "Name"
    table: ClassVar[Mapping[str, str]] = {
        "Name": "name",
        "ContentType": "contentType",
        "Description": "description",
        "Schema": "schema",
    }
    owners: ClassVar[Mapping[str, str]] = {"RestApiId": "restApiId"}
    creates, deletes = "create_model", "delete_model"
    key, identifier = "modelName", "name"

    def params(self, job: Job) -> dict[str, Any]:
        """A name of letters and digits, which is all that the API takes."""
        name = "".join(letter for letter in job.name("Name") if letter.isalnum())
        return {**super().params(job), "name": name}


class RequestValidator(Simple):
    """``AWS::ApiGateway::RequestValidator``."""

    type = "AWS::ApiGateway::RequestValidator"
    service = "apigateway"
    table: ClassVar[Mapping[str, str]] = {
        "Name": "name",
        "ValidateRequestBody": "validateRequestBody",
        "ValidateRequestParameters": "validateRequestParameters",
    }
    owners: ClassVar[Mapping[str, str]] = {"RestApiId": "restApiId"}
    creates, deletes = "create_request_validator", "delete_request_validator"
    key, identifier = "requestValidatorId", "id"
    answers: ClassVar[Mapping[str, str]] = {"RequestValidatorId": "id"}
    replaces = frozenset(table)
