"""Custom resources: a function or a topic is asked, and what it answers is the resource.

Source: CloudFormation user guide, "Custom resources" (request and response objects, Lambda-backed and
Amazon SNS-backed custom resources, ``ServiceTimeout``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.handler import Handler, Job, Refused
from stackproof.deploy.handlers.stub import Stub
from stackproof.deploy.model import Made
from stackproof.deploy.names import uuid_of
from stackproof.template.unknowns import text_of

TIMEOUT = 3600
"""Seconds that a provider has to answer, unless ``ServiceTimeout`` says otherwise."""
_LONGEST = 4096
"""Bytes of an answer at most."""


class _Everything(frozenset[str]):
    """Whatever the template sets goes to the provider."""

    def __contains__(self, item: object) -> bool:
        return True


class CustomResource(Handler):
    """``AWS::CloudFormation::CustomResource`` and ``Custom::*``."""

    type = "AWS::CloudFormation::CustomResource"
    covers: ClassVar[frozenset[str]] = _Everything()
    in_place = frozenset({"ServiceToken", "ServiceTimeout"})
    renews = True

    def create(self, job: Job) -> Made:
        """Ask for a creation; a provider that fails is asked to delete what it may have made."""
        if "custom-resources" not in job.backend.capabilities:
            job.not_emulated("ServiceToken", "nothing takes the answers of providers here")
            return Stub().create(job)
        try:
            answer = _asked(job, "Create", {})
        except _Failed as error:
            self._undone(job, error)
            raise Refused(str(error)) from error
        return _made(answer)

    @staticmethod
    def _undone(job: Job, error: _Failed) -> None:
        try:
            _asked(job, "Delete", {"PhysicalResourceId": error.physical_id or job.name("")})
        except (_Failed, Refused):
            return

    def update(self, job: Job, made: Made) -> Made:
        """Ask for a change; another physical id means another resource, and the old one is deleted later."""
        if job.changed("ServiceToken"):
            raise Refused("Modifying service token is not allowed.")
        more = {"PhysicalResourceId": made.physical_id, "OldResourceProperties": _strings(job.before or {})}
        try:
            return _made(_asked(job, "Update", more))
        except _Failed as error:
            raise Refused(str(error)) from error

    def delete(self, job: Job, made: Made) -> None:
        """Ask for a deletion."""
        try:
            _asked(job, "Delete", {"PhysicalResourceId": made.physical_id})
        except _Failed as error:
            raise Refused(str(error)) from error


class _Failed(Exception):
    """The provider said no, or nothing; ``physical_id`` is what it named all the same."""

    def __init__(self, message: str, physical_id: str = "") -> None:
        super().__init__(message)
        self.physical_id = physical_id


def _strings(value: Any) -> Any:
    """Properties as a provider gets them: every number and boolean as text."""
    if isinstance(value, Mapping):
        return {str(key): _strings(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strings(item) for item in value]
    return text_of(value)


def _made(answer: Mapping[str, Any]) -> Made:
    data = answer.get("Data") or {}
    attributes = {
        str(name): value if isinstance(value, Mapping | list) else text_of(value)
        for name, value in data.items()
        if value is not None
    }
    return Made(str(answer["PhysicalResourceId"]), attributes, {"no_echo": bool(answer.get("NoEcho"))})


def _asked(job: Job, kind: str, more: Mapping[str, Any]) -> Mapping[str, Any]:
    """One request and its answer. Raises ``_Failed``, or ``Refused`` when nobody can be asked."""
    world: Any = getattr(job.backend, "world")  # noqa: B009 - only a backend with the capability has one
    token = job.get("ServiceToken")
    if not token:
        raise Refused("Missing required property: ServiceToken")
    place = job.place
    identifier = world.ids.uuid()
    region = place.region.replace("-", "")
    host = f"https://cloudformation-custom-resource-response-{region}.s3.{place.region}.amazonaws.com"
    base = f"{host}/{uuid_of(place.stack_id, job.logical_id)}/{identifier}"
    request = {
        "RequestType": kind,
        "ServiceToken": token,
        "ResponseURL": f"{base}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=7199",
        "StackId": place.stack_id,
        "RequestId": identifier,
        "LogicalResourceId": job.logical_id,
        "ResourceType": job.type,
        "ResourceProperties": _strings(job.properties),
        **more,
    }
    answers: list[bytes] = []

    def take(received: Any) -> int:
        if received.method != "PUT":
            return 403
        answers.append(received.body)
        return 200

    double = world.http.double(base, take)
    try:
        _send(job, str(token), request)
        seconds = float(job.get("ServiceTimeout") or TIMEOUT)
        world.scheduler.wait(lambda: bool(answers), seconds)
    finally:
        world.http.doubles.remove(double)
    return _checked(job, request, answers)


def _send(job: Job, token: str, request: Mapping[str, Any]) -> None:
    parts = token.split(":")
    if len(parts) > 5 and parts[2] == "lambda":
        params = {"FunctionName": token, "InvocationType": "Event", "Payload": json.dumps(request).encode()}
        job.call("lambda", "invoke", params)
    elif len(parts) > 5 and parts[2] == "sns":
        subject = "AWS CloudFormation custom resource request"
        job.call("sns", "publish", {"TopicArn": token, "Subject": subject, "Message": json.dumps(request)})
    else:
        raise Refused(f"Invalid service token: {token} is neither a function nor a topic")


def _checked(job: Job, request: Mapping[str, Any], answers: list[bytes]) -> Mapping[str, Any]:
    identifier = request["RequestId"]
    if not answers:
        raise _Failed(
            "CloudFormation did not receive a response from your Custom Resource. Please check your logs for "
            f"requestId [{identifier}]."
        )
    world: Any = getattr(job.backend, "world")  # noqa: B009 - only a backend with the capability has one
    if len(answers[0]) > _LONGEST:
        raise _Failed("Response object is too long.")
    try:
        answer = json.loads(answers[0])
    except ValueError as error:
        raise _Failed("Invalid response object: it is no JSON.") from error
    if not isinstance(answer, dict) or answer.get("Status") not in ("SUCCESS", "FAILED"):
        raise _Failed("Invalid Response object: Value of property Status must be SUCCESS or FAILED.")
    physical = str(answer.get("PhysicalResourceId") or "")
    shown = {**answer, "Data": "****"} if answer.get("NoEcho") else answer
    world.journal.record("cloudformation", "cloudformation.Answer", job.logical_id, shown)
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if answer.get(name) != request[name]:
            raise _Failed(f"Invalid response object: {name} does not match the request.", physical)
    if answer["Status"] == "FAILED":
        reason = answer.get("Reason") or "Unknown"
        raise _Failed(
            "Received response status [FAILED] from custom resource. Message returned: "
            f"{reason} (RequestId: {identifier})",
            physical,
        )
    if not physical and request["RequestType"] != "Delete":
        raise _Failed("Invalid PhysicalResourceId")
    if len(physical.encode()) > 1024:
        raise _Failed("PhysicalResourceId must be at most 1024 bytes long.")
    return {**answer, "PhysicalResourceId": physical}
