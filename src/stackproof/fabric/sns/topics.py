"""Topics: create, delete, list, attributes, tags, permissions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.sns import errors
from stackproof.fabric.sns.model import Topic
from stackproof.fabric.sns.pages import page

if TYPE_CHECKING:
    from stackproof.fabric.sns.service import SnsService

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_RETRY = {
    "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear",
}  # fmt: skip
_REQUEST = {"headerContentType": "text/plain; charset=UTF-8"}
_OWNER_ACTIONS = [
    "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
    "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
]  # fmt: skip
_ACTIONS = frozenset(action.split(":")[1] for action in _OWNER_ACTIONS) | {"Receive"}
_SETTABLE = re.compile(
    r"Policy|DisplayName|DeliveryPolicy|KmsMasterKeyId|SignatureVersion|TracingConfig|ArchivePolicy|"
    r"ContentBasedDeduplication|FifoThroughputScope|"
    r"(HTTP|Application|Lambda|SQS|Firehose)(SuccessFeedback(RoleArn|SampleRate)|FailureFeedbackRoleArn)"
)


class Topics:
    """The operations on topics."""

    def __init__(self, service: SnsService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "CreateTopic": self.create_topic,
            "DeleteTopic": self.delete_topic,
            "ListTopics": self.list_topics,
            "GetTopicAttributes": self.get_topic_attributes,
            "SetTopicAttributes": self.set_topic_attributes,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
        }

    def create_topic(self, params: Params, caller: Caller) -> Response:
        """A new topic, or the one that exists with the same attributes and tags."""
        name, given = params["Name"], dict(params.get("Attributes") or {})
        tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or []}
        fifo = str(given.get("FifoTopic", "")).lower() == "true"
        if not _NAME.fullmatch(name[:-5] if fifo and name.endswith(".fifo") else name) or len(name) > 256:
            raise errors.invalid("Topic Name")
        if fifo != name.endswith(".fifo"):
            raise errors.invalid("Topic Name")
        given.pop("FifoTopic", None)
        arn = arns.arn("sns", caller.region, caller.account, name)
        existing = self._service.topics.get(arn)
        if existing is not None:
            self._same(existing, given, tags)
            return {"TopicArn": arn}
        for attribute in given:
            self._check_settable(attribute, fifo, "Attributes Reason: Unknown attribute ")
        topic = Topic(arn, name, caller.account, {}, _default_policy(arn, caller.account), tags)
        for attribute, value in given.items():
            topic = self._changed(topic, attribute, value)
        self._service.topics[arn] = topic
        return {"TopicArn": arn}

    @staticmethod
    def _check_settable(attribute: str, fifo: bool, prefix: str) -> None:
        if not _SETTABLE.fullmatch(attribute):
            raise errors.invalid(prefix + attribute if prefix else "AttributeName")
        if attribute == "ArchivePolicy":
            raise ServiceError("NotImplemented", "archiving of FIFO topics is not emulated", status=501)
        if not fifo and attribute in ("ContentBasedDeduplication", "FifoThroughputScope"):
            raise errors.invalid("Attributes Reason: " + attribute if prefix else "AttributeName")

    @staticmethod
    def _same(topic: Topic, given: Mapping[str, str], tags: Mapping[str, str]) -> None:
        if any(topic.tags.get(key) != value for key, value in tags.items()):
            raise errors.invalid("Tags Reason: Topic already exists with different tags")
        if any(topic.settings.get(name) != value for name, value in given.items() if name != "Policy"):
            raise errors.invalid("Attributes Reason: Topic already exists with different attributes")

    def delete_topic(self, params: Params, caller: Caller) -> Response:
        """The topic and its subscriptions are gone; deleting twice is no error."""
        arn = self._service.checked_arn(params["TopicArn"], caller)
        self._service.topics.pop(arn, None)
        for subscription in list(self._service.of_topic(arn)):
            self._service.forget(subscription)
        return {}

    def list_topics(self, params: Params, caller: Caller) -> Response:
        """A hundred at a time."""
        prefix = arns.arn("sns", caller.region, caller.account, "")
        found = [{"TopicArn": arn} for arn in sorted(self._service.topics) if arn.startswith(prefix)]
        return page(found, params, "Topics")

    # Attributes.

    def get_topic_attributes(self, params: Params, caller: Caller) -> Response:
        """All attributes; an attribute that was never set is left out where AWS leaves it out."""
        topic = self._service.topic(params["TopicArn"], caller)
        subscriptions = list(self._service.of_topic(topic.arn))
        confirmed = sum(subscription.confirmed for subscription in subscriptions)
        attributes = {
            "Policy": json.dumps(topic.policy, separators=(",", ":")),
            "Owner": topic.account,
            "SubscriptionsPending": str(len(subscriptions) - confirmed),
            "TopicArn": topic.arn,
            "EffectiveDeliveryPolicy": json.dumps(effective(topic), separators=(",", ":")),
            "SubscriptionsConfirmed": str(confirmed),
            "DisplayName": "",
            "SubscriptionsDeleted": str(topic.deleted),
            **topic.settings,
        }
        if topic.fifo:
            attributes["FifoTopic"] = "true"
            attributes.setdefault("ContentBasedDeduplication", "false")
        return {"Attributes": attributes}

    def set_topic_attributes(self, params: Params, caller: Caller) -> Response:
        """One attribute."""
        topic = self._service.topic(params["TopicArn"], caller)
        name = params["AttributeName"]
        self._check_settable(name, topic.fifo, "")
        self._service.topics[topic.arn] = self._changed(topic, name, params.get("AttributeValue", ""))
        return {}

    @staticmethod
    def _changed(topic: Topic, name: str, value: str) -> Topic:
        if name == "Policy":
            policy = json.loads(value) if value else _default_policy(topic.arn, topic.account)
            return replace(topic, policy=policy)
        settings = dict(topic.settings)
        if name == "DeliveryPolicy":
            value = _normal_delivery_policy(value)
        if value or name == "DisplayName":
            settings[name] = value
        else:
            settings.pop(name, None)
        return replace(topic, settings=settings)

    # Tags.

    def tag_resource(self, params: Params, caller: Caller) -> Response:
        """Add or overwrite tags."""
        topic = self._service.topic(params["ResourceArn"], caller, "Resource")
        keys = [tag["Key"] for tag in params["Tags"]]
        if len(set(keys)) != len(keys):
            raise errors.invalid("Duplicated keys are not allowed.")
        tags = {**topic.tags, **{tag["Key"]: tag["Value"] for tag in params["Tags"]}}
        self._service.topics[topic.arn] = replace(topic, tags=tags)
        return {}

    def untag_resource(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        topic = self._service.topic(params["ResourceArn"], caller, "Resource")
        tags = {key: value for key, value in topic.tags.items() if key not in params["TagKeys"]}
        self._service.topics[topic.arn] = replace(topic, tags=tags)
        return {}

    def list_tags_for_resource(self, params: Params, caller: Caller) -> Response:
        """The tags."""
        topic = self._service.topic(params["ResourceArn"], caller, "Resource")
        return {"Tags": [{"Key": key, "Value": value} for key, value in topic.tags.items()]}

    # Permissions.

    def add_permission(self, params: Params, caller: Caller) -> Response:
        """A statement in the topic's policy."""
        topic = self._service.topic(params["TopicArn"], caller)
        label = params["Label"]
        statements = list(topic.policy.get("Statement", []))
        if any(statement.get("Sid") == label for statement in statements):
            raise errors.invalid("Statement already exists")
        if any(action not in _ACTIONS for action in params["ActionName"]):
            raise errors.invalid("Policy statement action out of service scope!")
        partition = arns.partition(caller.region)
        principals = [f"arn:{partition}:iam::{account}:root" for account in params["AWSAccountId"]]
        actions = [f"SNS:{action}" for action in params["ActionName"]]
        statements.append({
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": actions[0] if len(actions) == 1 else actions,
            "Resource": topic.arn,
        })  # fmt: skip
        self._service.topics[topic.arn] = replace(topic, policy={**topic.policy, "Statement": statements})
        return {}

    def remove_permission(self, params: Params, caller: Caller) -> Response:
        """Take a statement away by its label."""
        topic = self._service.topic(params["TopicArn"], caller)
        kept = [part for part in topic.policy.get("Statement", []) if part.get("Sid") != params["Label"]]
        self._service.topics[topic.arn] = replace(topic, policy={**topic.policy, "Statement": kept})
        return {}


def _default_policy(arn: str, account: str) -> dict[str, Any]:
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": _OWNER_ACTIONS,
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


def _normal_delivery_policy(text: str) -> str:
    if not text:
        return ""
    try:
        http = json.loads(text).get("http") or {}
    except (ValueError, AttributeError):
        raise errors.invalid("DeliveryPolicy: failed to parse JSON.") from None
    kept = {name: value for name, value in http.items() if value is not None}
    kept.setdefault("disableSubscriptionOverrides", False)
    return json.dumps({"http": kept}, separators=(",", ":"))


def effective(topic: Topic) -> dict[str, Any]:
    """The delivery policy in force for HTTP subscriptions, with AWS's defaults."""
    http = json.loads(topic.settings.get("DeliveryPolicy") or '{"http": {}}')["http"]
    return {
        "http": {
            "defaultHealthyRetryPolicy": {**_RETRY, **http.get("defaultHealthyRetryPolicy", {})},
            "disableSubscriptionOverrides": http.get("disableSubscriptionOverrides", False),
            "defaultRequestPolicy": {**_REQUEST, **http.get("defaultRequestPolicy", {})},
        }
    }
