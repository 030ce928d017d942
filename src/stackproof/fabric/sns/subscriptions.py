"""Subscriptions: subscribe, confirm, unsubscribe, list, attributes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.service import Caller, Operation, Params, Response
from stackproof.fabric.sns import errors
from stackproof.fabric.sns.filters import FilterPolicyError, parse
from stackproof.fabric.sns.model import Subscription
from stackproof.fabric.sns.pages import page
from stackproof.fabric.sns.topics import effective

if TYPE_CHECKING:
    from stackproof.fabric.sns.service import SnsService

_PROTOCOLS = frozenset(
    ("http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose")
)
_PENDING = frozenset(("http", "https", "email", "email-json"))
_PHONE = re.compile(r"\+?[0-9]+([./-][0-9]+)*")
_ATTRIBUTES = frozenset((
    "RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy",
    "SubscriptionRoleArn", "ReplayPolicy",
))  # fmt: skip
_DEFAULTS = {"RawMessageDelivery": "false", "FilterPolicyScope": "MessageAttributes"}


class Subscriptions:
    """The operations on subscriptions."""

    def __init__(self, service: SnsService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "Subscribe": self.subscribe,
            "ConfirmSubscription": self.confirm_subscription,
            "Unsubscribe": self.unsubscribe,
            "ListSubscriptions": self.list_subscriptions,
            "ListSubscriptionsByTopic": self.list_subscriptions_by_topic,
            "GetSubscriptionAttributes": self.get_subscription_attributes,
            "SetSubscriptionAttributes": self.set_subscription_attributes,
        }

    def subscribe(self, params: Params, caller: Caller) -> Response:
        """A new subscription, or the one that exists for the endpoint."""
        protocol, endpoint = params["Protocol"], params.get("Endpoint", "")
        arn = self._service.checked_arn(params["TopicArn"], caller)
        if protocol not in _PROTOCOLS:
            raise errors.invalid(f"Amazon SNS does not support this protocol string: {protocol}")
        topic = self._service.topic(arn, caller)
        if topic.fifo and protocol != "sqs":  # developer guide, "Message delivery for FIFO topics"
            raise errors.invalid(f"Invalid protocol type: {protocol}")
        _check_endpoint(protocol, endpoint, topic.fifo)
        given = params.get("Attributes") or {}
        settings = self._checked(given, {}, endpoint, topic.fifo, "Attributes Reason: ")
        for existing in self._service.of_topic(arn):
            if (existing.protocol, existing.endpoint) == (protocol, endpoint):
                if any(
                    existing.settings.get(name, _DEFAULTS.get(name)) != value
                    for name, value in settings.items()
                ):
                    raise errors.invalid(
                        "Attributes Reason: Subscription already exists with different attributes"
                    )
                return {"SubscriptionArn": _answer(existing, params)}
        ids = self._service.world.ids
        pending = protocol in _PENDING
        subscription = Subscription(
            f"{arn}:{ids.uuid()}", arn, protocol, endpoint, caller.account, caller.arn, settings,
            confirmed=not pending, token=ids.hex(288) if pending else "", authenticated=not pending,
        )  # fmt: skip
        self._service.add(subscription)
        if protocol in ("http", "https"):
            self._service.deliveries.confirm(subscription, "SubscriptionConfirmation")
        return {"SubscriptionArn": _answer(subscription, params)}

    @staticmethod
    def _checked(
        given: Mapping[str, str], before: Mapping[str, str], endpoint: str, fifo: bool, prefix: str
    ) -> dict[str, str]:
        """The attributes normalised; raises what AWS answers to wrong ones."""
        settings: dict[str, str] = {}
        scope = given.get("FilterPolicyScope", before.get("FilterPolicyScope", "MessageAttributes"))
        for name, value in given.items():
            if name not in _ATTRIBUTES:
                raise errors.invalid(f"{prefix}Unknown attribute: {name}" if prefix else "AttributeName")
            if name == "RawMessageDelivery":
                if value.lower() not in ("true", "false"):
                    raise errors.invalid(
                        f"{prefix}RawMessageDelivery: Invalid value [{value}]. Must be true or false."
                    )
                value = value.lower()
            elif name == "FilterPolicyScope" and value not in ("MessageBody", "MessageAttributes"):
                raise errors.invalid(
                    f"{prefix}FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or "
                    "MessageAttributes"
                )
            elif name == "FilterPolicy" and value:
                try:
                    parse(value, scope)
                except FilterPolicyError as error:
                    raise errors.invalid(f"{prefix}FilterPolicy: {error}") from None
            elif name == "RedrivePolicy" and value:
                _check_redrive(value, fifo and endpoint.endswith(".fifo"), prefix)
            settings[name] = value
        return settings

    def confirm_subscription(self, params: Params, caller: Caller) -> Response:
        """Confirm by the token that the endpoint was sent."""
        token = params["Token"]
        topic = arns.parse(params["TopicArn"])
        if topic is None or topic.region != caller.region:
            raise errors.invalid("Topic")
        if len(token) < 64:
            raise errors.plain("Invalid token")
        for subscription in self._service.subscriptions.values():
            if subscription.token == token:
                authenticated = str(params.get("AuthenticateOnUnsubscribe", "")).lower() == "true"
                changed = replace(subscription, confirmed=True, authenticated=authenticated)
                self._service.subscriptions[subscription.arn] = changed
                return {"SubscriptionArn": subscription.arn}
        raise errors.invalid("Token")

    def unsubscribe(self, params: Params, caller: Caller) -> Response:
        """Twice is no error."""
        arn = params.get("SubscriptionArn")
        parsed = errors.check_arn(arn, "SubscriptionArn")
        if parsed.resource.count(":") != 1:
            raise errors.invalid("SubscriptionId")
        subscription = self._service.subscriptions.get(arn or "")
        if subscription is None:
            return {}
        self._service.forget(subscription)
        topic = self._service.topics.get(subscription.topic)
        if topic is not None:
            self._service.topics[topic.arn] = replace(topic, deleted=topic.deleted + 1)
        if subscription.protocol in ("http", "https") and subscription.confirmed:
            self._service.deliveries.confirm(subscription, "UnsubscribeConfirmation")
        return {}

    def list_subscriptions(self, params: Params, caller: Caller) -> Response:
        """Those of the account in the region."""
        found = [
            _listed(subscription)
            for subscription in self._service.subscriptions.values()
            if subscription.owner == caller.account and f":sns:{caller.region}:" in subscription.arn
        ]
        return page(found, params, "Subscriptions")

    def list_subscriptions_by_topic(self, params: Params, caller: Caller) -> Response:
        """Those of one topic."""
        topic = self._service.topic(params["TopicArn"], caller)
        return page([_listed(found) for found in self._service.of_topic(topic.arn)], params, "Subscriptions")

    def _existing(self, arn: str) -> Subscription:
        errors.check_arn(arn, "SubscriptionArn")
        found = self._service.subscriptions.get(arn)
        if found is None:
            raise errors.not_found("Subscription")
        return found

    def get_subscription_attributes(self, params: Params, caller: Caller) -> Response:
        """All attributes; the filter's scope is shown only together with a filter."""
        found = self._existing(params["SubscriptionArn"])
        settings = {name: value for name, value in found.settings.items() if value}
        scope = settings.pop("FilterPolicyScope", "MessageAttributes")
        if "FilterPolicy" in settings:
            settings["FilterPolicyScope"] = scope
        attributes = {
            "SubscriptionPrincipal": found.principal,
            "Owner": found.owner,
            "RawMessageDelivery": "false",
            "TopicArn": found.topic,
            "Endpoint": found.endpoint,
            "Protocol": found.protocol,
            "PendingConfirmation": str(not found.confirmed).lower(),
            "ConfirmationWasAuthenticated": str(found.authenticated).lower(),
            "SubscriptionArn": found.arn,
            **settings,
        }
        topic = self._service.topics.get(found.topic)
        if found.protocol in ("http", "https") and topic is not None:
            attributes["EffectiveDeliveryPolicy"] = _effective(topic, settings)
        return {"Attributes": attributes}

    def set_subscription_attributes(self, params: Params, caller: Caller) -> Response:
        """One attribute."""
        found = self._existing(params["SubscriptionArn"])
        given = {params["AttributeName"]: params.get("AttributeValue", "")}
        fifo = found.topic.endswith(".fifo")
        changes = self._checked(given, found.settings, found.endpoint, fifo, "")
        changed = replace(found, settings={**found.settings, **changes})
        self._service.subscriptions[found.arn] = changed
        return {}


def _effective(topic: Any, settings: Mapping[str, str]) -> str:
    http = effective(topic)["http"]
    own = json.loads(settings.get("DeliveryPolicy") or "{}")
    policy = {
        "healthyRetryPolicy": {**http["defaultHealthyRetryPolicy"], **(own.get("healthyRetryPolicy") or {})},
        "sicklyRetryPolicy": own.get("sicklyRetryPolicy"),
        "throttlePolicy": own.get("throttlePolicy"),
        "requestPolicy": {**http["defaultRequestPolicy"], **(own.get("requestPolicy") or {})},
        "guaranteed": own.get("guaranteed", False),
    }
    return json.dumps(policy, separators=(",", ":"))


def _check_redrive(text: str, fifo: bool, prefix: str) -> None:
    try:
        target = json.loads(text)["deadLetterTargetArn"]
    except (ValueError, KeyError, TypeError):
        raise errors.invalid(f"{prefix}RedrivePolicy: failed to parse JSON.") from None
    parsed = arns.parse(target)
    if parsed is None or parsed.service != "sqs":
        raise errors.invalid(f"{prefix}RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if fifo and not target.endswith(".fifo"):
        raise errors.invalid(
            f"{prefix}RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
        )


def _check_endpoint(protocol: str, endpoint: str, fifo: bool) -> None:
    parsed = arns.parse(endpoint)
    if protocol == "sqs":
        if parsed is None or parsed.service != "sqs":
            raise errors.invalid("SQS endpoint ARN")
        if endpoint.endswith(".fifo") and not fifo:
            reason = "FIFO SQS Queues can not be subscribed to standard SNS topics"
            raise errors.invalid(f"Invalid parameter: Endpoint Reason: {reason}")
    elif protocol in ("lambda", "firehose") and (parsed is None or parsed.service != protocol):
        raise errors.invalid(f"{protocol.capitalize()} endpoint ARN")
    elif protocol == "sms" and not _PHONE.fullmatch(endpoint):
        raise errors.plain(f"Invalid SMS endpoint: {endpoint}")
    elif protocol in ("http", "https") and not endpoint.startswith(f"{protocol}://"):
        raise errors.invalid("Endpoint must match the specified protocol")


def _answer(subscription: Subscription, params: Params) -> str:
    if subscription.confirmed or params.get("ReturnSubscriptionArn"):
        return subscription.arn
    return "pending confirmation"


def _listed(subscription: Subscription) -> dict[str, str]:
    return {
        "SubscriptionArn": subscription.arn if subscription.confirmed else "PendingConfirmation",
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic,
    }
