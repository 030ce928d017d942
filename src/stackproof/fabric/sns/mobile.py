"""SMS, e-mail and mobile push: state as AWS keeps it; what would leave AWS is kept in ``sent``."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.sns import errors
from stackproof.fabric.sns.model import Publication, Subscription
from stackproof.fabric.sns.pages import page

if TYPE_CHECKING:
    from stackproof.fabric.sns.service import SnsService

_APPLICATION_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,256}")
_PLATFORMS = frozenset(("ADM", "APNS", "APNS_SANDBOX", "GCM", "FCM", "BAIDU", "WNS", "MPNS", "MACOS"))
_SECRET = ("PlatformPrincipal", "PlatformCredential")
_SMS = frozenset((
    "MonthlySpendLimit", "DeliveryStatusIAMRole", "DeliveryStatusSuccessSamplingRate", "DefaultSenderID",
    "DefaultSMSType", "UsageReportS3Bucket",
))  # fmt: skip


class Mobile:
    """The operations around phones and mobile applications. ``sent``: (kind, endpoint, text)."""

    def __init__(self, service: SnsService) -> None:
        self._service = service
        self.sent: list[tuple[str, str, str]] = []
        self._applications: dict[str, dict[str, str]] = {}
        self._endpoints: dict[str, dict[str, str]] = {}
        self._sms: dict[str, dict[str, str]] = {}
        self.operations: Mapping[str, Operation] = {
            "CreatePlatformApplication": self.create_application,
            "DeletePlatformApplication": self.delete_application,
            "ListPlatformApplications": self.list_applications,
            "GetPlatformApplicationAttributes": self.get_application,
            "SetPlatformApplicationAttributes": self.set_application,
            "CreatePlatformEndpoint": self.create_endpoint,
            "DeleteEndpoint": self.delete_endpoint,
            "ListEndpointsByPlatformApplication": self.list_endpoints,
            "GetEndpointAttributes": self.get_endpoint,
            "SetEndpointAttributes": self.set_endpoint,
            "GetSMSAttributes": self.get_sms,
            "SetSMSAttributes": self.set_sms,
        }

    # Messages.

    def deliver(self, subscription: Subscription, publication: Publication) -> None:
        """Note a message to an e-mail address, a phone or an application."""
        text = publication.text(subscription.protocol)
        self.sent.append((subscription.protocol, subscription.endpoint, text))
        topic = arns.last(publication.topic)
        world = self._service.world
        world.journal.record(topic, f"sns.{subscription.protocol}", subscription.endpoint, {"Message": text})

    def publish_sms(self, params: Params, caller: Caller, pattern: re.Pattern[str]) -> Response:
        """Publish to a phone number."""
        number = params["PhoneNumber"]
        if not pattern.fullmatch(number):
            raise errors.invalid(f"PhoneNumber Reason: {number} is not valid to publish to")
        if not params.get("Message"):
            raise errors.invalid("Empty message")
        self.sent.append(("sms", number, params["Message"]))
        return {"MessageId": self._service.world.ids.uuid()}

    def publish_endpoint(self, target: str, params: Params, caller: Caller) -> Response:
        """Publish to an endpoint of a mobile application."""
        errors.check_arn(target, "TargetArn")
        found = self._endpoints.get(target)
        if found is None:
            raise errors.invalid("TargetArn Reason: No endpoint found for the target arn specified")
        if found["Enabled"].lower() != "true":
            raise ServiceError("EndpointDisabled", "Endpoint is disabled")
        text = params["Message"]
        if params.get("MessageStructure") == "json":
            decoded = json.loads(text)
            text = decoded.get(target.split("/")[1], decoded.get("default", ""))
        self.sent.append(("application", target, text))
        return {"MessageId": self._service.world.ids.uuid()}

    # Applications.

    def create_application(self, params: Params, caller: Caller) -> Response:
        """A platform application."""
        name, platform, given = params["Name"], params["Platform"], params["Attributes"]
        if platform not in _PLATFORMS:
            raise errors.invalid(f"Platform Reason: {platform} is not supported")
        if not name:
            raise errors.invalid(" Reason: cannot be empty")
        if not _APPLICATION_NAME.fullmatch(name):
            reason = "must be at most 256 characters long"
            if len(name) <= 256:
                reason = "must contain only characters 'a'-'z', 'A'-'Z', '0'-'9', '_', '-', and '.'"
            raise errors.invalid(f"{name} Reason: {reason}")
        if not given:
            raise errors.null_member("attributes")
        if "PlatformCredential" not in given:
            raise errors.invalid("Attributes Reason: PlatformCredential attribute is required")
        if "PlatformPrincipal" not in given and platform not in ("GCM", "FCM"):
            raise errors.invalid(
                "Attributes Reason: PlatformCredential attribute provided without PlatformPrincipal"
            )
        arn = arns.arn("sns", caller.region, caller.account, f"app/{platform}/{name}")
        self._applications[arn] = {"Enabled": "true", **given}
        return {"PlatformApplicationArn": arn}

    def _application(self, arn: str) -> dict[str, str]:
        parsed = errors.check_arn(arn, "PlatformApplicationArn")
        if parsed.resource.count("/") != 2:
            reason = "Wrong number of slashes in relative portion of the ARN."
            raise errors.invalid(f"PlatformApplicationArn Reason: {reason}")
        if arn not in self._applications:
            raise errors.not_found("PlatformApplication")
        return self._applications[arn]

    def delete_application(self, params: Params, caller: Caller) -> Response:
        """Twice is no error."""
        self._applications.pop(params["PlatformApplicationArn"], None)
        return {}

    def list_applications(self, params: Params, caller: Caller) -> Response:
        """The applications of the account in the region."""
        prefix = arns.arn("sns", caller.region, caller.account, "app/")
        found = [
            {"PlatformApplicationArn": arn, "Attributes": _public(attributes)}
            for arn, attributes in self._applications.items()
            if arn.startswith(prefix)
        ]
        return page(found, params, "PlatformApplications")

    def get_application(self, params: Params, caller: Caller) -> Response:
        """Attributes without secrets."""
        return {"Attributes": _public(self._application(params["PlatformApplicationArn"]))}

    def set_application(self, params: Params, caller: Caller) -> Response:
        """Change attributes."""
        errors.check_arn(params["PlatformApplicationArn"], "PlatformApplicationArn")
        if not params["Attributes"]:
            raise errors.null_member("attributes")
        self._application(params["PlatformApplicationArn"]).update(params["Attributes"])
        return {}

    # Endpoints.

    def create_endpoint(self, params: Params, caller: Caller) -> Response:
        """An endpoint, or the one that exists for the token with the same attributes."""
        application = params["PlatformApplicationArn"]
        self._application(application)
        given = dict(params.get("Attributes") or {})
        _check_endpoint(given)
        if "CustomUserData" in params:
            given.setdefault("CustomUserData", params["CustomUserData"])
        wanted = {"Enabled": "true", "Token": params["Token"], **given}
        prefix = application.replace(":app/", ":endpoint/") + "/"
        for arn, attributes in self._endpoints.items():
            if arn.startswith(prefix) and attributes["Token"] == params["Token"]:
                if attributes != wanted:
                    reason = f"Endpoint {arn} already exists with the same Token, but different attributes."
                    raise errors.invalid(f"Token Reason: {reason}")
                return {"EndpointArn": arn}
        arn = prefix + self._service.world.ids.uuid()
        self._endpoints[arn] = wanted
        return {"EndpointArn": arn}

    def _endpoint(self, arn: str) -> dict[str, str]:
        parsed = errors.check_arn(arn, "EndpointArn")
        if parsed.resource.count("/") != 3:
            raise errors.invalid(
                "EndpointArn Reason: Wrong number of slashes in relative portion of the ARN."
            )
        if arn not in self._endpoints:
            raise errors.not_found("Endpoint")
        return self._endpoints[arn]

    def delete_endpoint(self, params: Params, caller: Caller) -> Response:
        """Twice is no error; subscriptions of the endpoint stay (recorded)."""
        self._endpoints.pop(params["EndpointArn"], None)
        return {}

    def list_endpoints(self, params: Params, caller: Caller) -> Response:
        """The endpoints of an application."""
        application = params["PlatformApplicationArn"]
        self._application(application)
        prefix = application.replace(":app/", ":endpoint/") + "/"
        found = [
            {"EndpointArn": arn, "Attributes": dict(attributes)}
            for arn, attributes in self._endpoints.items()
            if arn.startswith(prefix)
        ]
        return page(found, params, "Endpoints")

    def get_endpoint(self, params: Params, caller: Caller) -> Response:
        """The attributes."""
        return {"Attributes": dict(self._endpoint(params["EndpointArn"]))}

    def set_endpoint(self, params: Params, caller: Caller) -> Response:
        """Change attributes."""
        found = self._endpoint(params["EndpointArn"])
        if not params["Attributes"]:
            raise errors.null_member("attributes")
        _check_endpoint(params["Attributes"])
        found.update(params["Attributes"])
        return {}

    # SMS.

    def get_sms(self, params: Params, caller: Caller) -> Response:
        """The attributes of the account in the region."""
        found = {"MonthlySpendLimit": "1", **self._sms.get(f"{caller.account}/{caller.region}", {})}
        wanted = params.get("attributes")
        return {"attributes": {name: value for name, value in found.items() if not wanted or name in wanted}}

    def set_sms(self, params: Params, caller: Caller) -> Response:
        """Change attributes."""
        given = params["attributes"]
        for name, value in given.items():
            if name not in _SMS:
                raise errors.plain(f"{name} is not a valid attribute")
            if name == "DefaultSMSType" and value not in ("Promotional", "Transactional"):
                raise errors.plain("DefaultSMSType is invalid")
            if name == "DefaultSenderID" and not (len(value) <= 11 and re.search("[A-Za-z]", value)):
                raise errors.plain("DefaultSenderID is not a valid attribute")
        self._sms.setdefault(f"{caller.account}/{caller.region}", {}).update(given)
        return {}

    def snapshot(self) -> Any:
        """Copies of everything."""
        return copy.deepcopy((self._applications, self._endpoints, self._sms, self.sent))

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._applications, self._endpoints, self._sms, self.sent = copy.deepcopy(state)


def _public(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if name not in _SECRET}


def _check_endpoint(given: Mapping[str, str]) -> None:
    for name, value in given.items():
        if name not in ("Enabled", "Token", "CustomUserData"):
            raise errors.invalid(f"Attributes Reason: Invalid attribute name: {name}")
        if name == "CustomUserData" and len(value.encode()) > 2048:
            raise errors.invalid(
                "Attributes Reason: Invalid value for attribute: CustomUserData: must be at most 2048 bytes "
                "long in UTF-8 encoding"
            )
