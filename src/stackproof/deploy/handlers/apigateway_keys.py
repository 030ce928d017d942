"""Amazon API Gateway: API keys and usage plans of REST APIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.fit import text
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made


class ApiKey(Handler):
    """``AWS::ApiGateway::ApiKey``. A value that the template does not give hangs on the resource only."""

    type = "AWS::ApiGateway::ApiKey"
    _table: ClassVar[Mapping[str, str]] = {
        "CustomerId": "customerId", "Description": "description", "Enabled": "enabled",
        "StageKeys": "stageKeys",
    }  # fmt: skip
    covers = frozenset(_table) | {"Name", "Value", "Tags", "GenerateDistinctId"}
    inert: ClassVar[Mapping[str, str]] = {"GenerateDistinctId": "an id differs from its value in any case"}

    def create(self, job: Job) -> Made:
        """CreateApiKey."""
        value = job.get("Value") or job.unique("value", length=40)
        params = {"name": job.name("Name"), "value": value, "tags": job.tags() or None,
                  **job.pick(self._table)}  # fmt: skip
        answer = job.call("apigateway", "create_api_key", params, self._table)
        return Made(answer["id"], {"APIKeyId": answer["id"]})

    def update(self, job: Job, made: Made) -> Made:
        """UpdateApiKey."""
        table = {"CustomerId": "/customerId", "Description": "/description", "Enabled": "/enabled"}
        changes = [
            {"op": "replace", "path": path, "value": str(text(job.get(name, "")))}
            for name, path in table.items()
            if job.changed(name)
        ]
        if changes:
            params = {"apiKey": made.physical_id, "patchOperations": changes}
            job.call("apigateway", "update_api_key", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteApiKey."""
        job.call("apigateway", "delete_api_key", {"apiKey": made.physical_id})


class UsagePlan(Handler):
    """``AWS::ApiGateway::UsagePlan``. A change makes the plan's settings anew, in place."""

    type = "AWS::ApiGateway::UsagePlan"
    covers = frozenset({"UsagePlanName", "Description", "ApiStages", "Quota", "Throttle", "Tags"})

    def create(self, job: Job) -> Made:
        """CreateUsagePlan."""
        table = {"Description": "description", "Quota": "quota", "Throttle": "throttle"}
        stages = _stages(job.get("ApiStages"))
        params = {
            "name": job.name("UsagePlanName"), "tags": job.tags() or None, "apiStages": stages or None,
            **job.pick(table),
        }  # fmt: skip
        self._verdict(job)
        answer = job.call("apigateway", "create_usage_plan", params, table)
        return Made(answer["id"], {"Id": answer["id"]})

    @staticmethod
    def _verdict(job: Job) -> None:
        for index, one in enumerate(job.get("ApiStages") or ()):
            if one.get("Throttle"):
                job.left_out(f"ApiStages.{index}.Throttle", "single methods are not throttled")
        if (job.get("Quota") or {}).get("Offset"):
            job.left_out("Quota.Offset", "a period begins with no requests")

    def update(self, job: Job, made: Made) -> Made:
        """UpdateUsagePlan: stages that came and went, then the other settings."""
        before, after = (
            [f"{one['apiId']}:{one['stage']}" for one in _stages(found)]
            for found in ((job.before or {}).get("ApiStages"), job.get("ApiStages"))
        )
        changes = [_change("remove", "/apiStages", one) for one in before if one not in after]
        changes += [_change("add", "/apiStages", one) for one in after if one not in before]
        if job.changed("UsagePlanName", "Description"):
            changes.append(_change("replace", "/name", job.name("UsagePlanName")))
            changes.append(_change("replace", "/description", job.get("Description", "")))
        for name, members in _SETTINGS.items():
            if not job.changed(name):
                continue
            wanted = job.get(name)
            path = f"/{name.lower()}"
            if not wanted:
                changes.append(_change("remove", path, ""))
            changes += [
                _change("replace", f"{path}/{member[:1].lower()}{member[1:]}", wanted[member])
                for member in members
                if member in (wanted or ())
            ]
        self._verdict(job)
        if changes:
            params = {"usagePlanId": made.physical_id, "patchOperations": changes}
            job.call("apigateway", "update_usage_plan", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteUsagePlan, after its stages were taken away."""
        stages = [f"{one['apiId']}:{one['stage']}" for one in _stages(job.get("ApiStages"))]
        if stages:
            changes = [_change("remove", "/apiStages", one) for one in stages]
            params = {"usagePlanId": made.physical_id, "patchOperations": changes}
            job.call("apigateway", "update_usage_plan", params)
        job.call("apigateway", "delete_usage_plan", {"usagePlanId": made.physical_id})


class UsagePlanKey(Handler):
    """``AWS::ApiGateway::UsagePlanKey``."""

    type = "AWS::ApiGateway::UsagePlanKey"
    covers = frozenset({"KeyId", "KeyType", "UsagePlanId"})

    def create(self, job: Job) -> Made:
        """CreateUsagePlanKey."""
        params = {"usagePlanId": job.get("UsagePlanId"), "keyId": job.get("KeyId"),
                  "keyType": job.get("KeyType")}  # fmt: skip
        job.call("apigateway", "create_usage_plan_key", params)
        name = f"{job.get('KeyId')}:{job.get('UsagePlanId')}"
        return Made(name, {"Id": name})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteUsagePlanKey."""
        key, _, plan = made.physical_id.partition(":")
        job.call("apigateway", "delete_usage_plan_key", {"usagePlanId": plan, "keyId": key})


_SETTINGS = {"Quota": ("Limit", "Period", "Offset"), "Throttle": ("RateLimit", "BurstLimit")}


def _stages(found: Any) -> list[dict[str, str]]:
    return [{"apiId": str(one.get("ApiId")), "stage": str(one.get("Stage"))} for one in found or ()]


def _change(verb: str, path: str, value: Any) -> dict[str, str]:
    return {"op": verb, "path": path, "value": str(text(value))}
