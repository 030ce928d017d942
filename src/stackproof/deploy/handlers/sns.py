"""Amazon SNS: topics, their policies, subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stackproof.deploy.fit import document, text
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_TOPIC: dict[str, str] = {
    "DisplayName": "",
    "KmsMasterKeyId": "",
    "ContentBasedDeduplication": "false",
    "FifoThroughputScope": "Topic",
    "ArchivePolicy": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}
_SUBSCRIPTION: dict[str, str] = {
    "FilterPolicyScope": "MessageAttributes",
    "FilterPolicy": "",
    "RawMessageDelivery": "false",
    "RedrivePolicy": "",
    "DeliveryPolicy": "",
    "ReplayPolicy": "",
    "SubscriptionRoleArn": "",
}
"""Properties that are attributes of the same name, with what a removed one goes back to."""


class Topic(Handler):
    """``AWS::SNS::Topic`` with its inline subscriptions."""

    type = "AWS::SNS::Topic"
    covers = frozenset(_TOPIC) | {
        "TopicName",
        "FifoTopic",
        "Subscription",
        "Tags",
        "DataProtectionPolicy",
        "DeliveryStatusLogging",
    }
    inert: ClassVar[Mapping[str, str]] = {
        "DataProtectionPolicy": "message data is not inspected",
        "DeliveryStatusLogging": "no delivery status is logged",
    }

    def create(self, job: Job) -> Made:
        """CreateTopic, then Subscribe for each inline subscription."""
        fifo = text(job.get("FifoTopic", False)) == "true"
        attributes = {name: text(job.get(name)) for name in _TOPIC if name in job.properties}
        if fifo:
            attributes["FifoTopic"] = "true"
        name = job.name("TopicName", tail="" if not fifo else ".fifo")
        params = {"Name": name, "Attributes": attributes, "Tags": job.tag_list() or None}
        arn = job.call("sns", "create_topic", params)["TopicArn"]
        return Made(
            arn, {"TopicArn": arn, "TopicName": name}, {"subscriptions": self._subscribe(job, arn, {})}
        )

    def _subscribe(self, job: Job, arn: str, known: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for item in job.get("Subscription") or []:
            key = f"{item.get('Protocol')} {item.get('Endpoint')}"
            found[key] = known.get(key) or subscribe(
                job, {"TopicArn": arn, "Protocol": item.get("Protocol"), "Endpoint": item.get("Endpoint")}
            )
        for key in known.keys() - found.keys():
            job.call("sns", "unsubscribe", {"SubscriptionArn": known[key]})
        return found

    def update(self, job: Job, made: Made) -> Made:
        """SetTopicAttributes for each that changed."""
        arn = made.physical_id
        for name, default in _TOPIC.items():
            if job.changed(name):
                value = text(job.get(name, default))
                params = {"TopicArn": arn, "AttributeName": name, "AttributeValue": value}
                job.call("sns", "set_topic_attributes", params)
        removed = job.removed_tags()
        if removed:
            job.call("sns", "untag_resource", {"ResourceArn": arn, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("sns", "tag_resource", {"ResourceArn": arn, "Tags": job.tag_list()})
        known = dict(made.notes.get("subscriptions", {}))
        return Made(arn, made.attributes, {"subscriptions": self._subscribe(job, arn, known)})

    def delete(self, job: Job, made: Made) -> None:
        """DeleteTopic; its subscriptions go with it."""
        job.call("sns", "delete_topic", {"TopicArn": made.physical_id})


def subscribe(job: Job, params: dict[str, Any]) -> str:
    """Subscribe and answer the subscription's ARN."""
    answer = job.call("sns", "subscribe", {**params, "ReturnSubscriptionArn": True})
    return str(answer["SubscriptionArn"])


class Subscription(Handler):
    """``AWS::SNS::Subscription``."""

    type = "AWS::SNS::Subscription"
    covers = frozenset(_SUBSCRIPTION) | {"TopicArn", "Protocol", "Endpoint", "Region"}
    replaces = frozenset({"Region"})

    def create(self, job: Job) -> Made:
        """Subscribe with every attribute."""
        attributes = {
            name: document(text(job.get(name))) for name in _SUBSCRIPTION if job.get(name) is not None
        }
        params = job.pick({"TopicArn": "TopicArn", "Protocol": "Protocol", "Endpoint": "Endpoint"})
        if job.get("Region", job.place.region) != job.place.region:
            job.left_out("Region", "the topic is looked for in the stack's own region")
        arn = subscribe(job, {**params, "Attributes": attributes})
        return Made(arn, {"Arn": arn})

    def update(self, job: Job, made: Made) -> Made:
        """SetSubscriptionAttributes for each that changed; the scope of a filter before the filter."""
        for name, default in _SUBSCRIPTION.items():
            if not job.changed(name):
                continue
            value = document(text(job.get(name, default)))
            if name == "FilterPolicy" and not value:
                value = "{}"
            params = {"SubscriptionArn": made.physical_id, "AttributeName": name, "AttributeValue": value}
            job.call("sns", "set_subscription_attributes", params)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """Unsubscribe."""
        job.call("sns", "unsubscribe", {"SubscriptionArn": made.physical_id})


def default_policy(job: Job, arn: str) -> str:
    """The policy that a topic has when nobody gives it one: its owner may do everything."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "SNS:GetTopicAttributes",
            "SNS:SetTopicAttributes",
            "SNS:AddPermission",
            "SNS:RemovePermission",
            "SNS:DeleteTopic",
            "SNS:Subscribe",
            "SNS:ListSubscriptionsByTopic",
            "SNS:Publish",
        ],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": job.place.account}},
    }
    return document({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


class TopicPolicy(Handler):
    """``AWS::SNS::TopicPolicy``: one policy for several topics."""

    type = "AWS::SNS::TopicPolicy"
    covers = frozenset({"PolicyDocument", "Topics"})

    def create(self, job: Job) -> Made:
        """SetTopicAttributes on every topic."""
        for arn in self._topics(job.properties):
            self._set(job, arn, document(job.get("PolicyDocument")))
        name = job.name("")
        return Made(name, {"Id": name})

    def update(self, job: Job, made: Made) -> Made:
        """As create; topics that are no longer named get the default policy."""
        for arn in sorted(set(self._topics(job.before or {})) - set(self._topics(job.properties))):
            self._set(job, arn, default_policy(job, arn))
        self.create(job)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """Back to the default policy."""
        for arn in self._topics(job.properties):
            self._set(job, arn, default_policy(job, arn))

    @staticmethod
    def _topics(properties: Any) -> list[str]:
        topics = properties.get("Topics", [])
        return [str(arn) for arn in (topics if isinstance(topics, list) else [topics])]

    @staticmethod
    def _set(job: Job, arn: str, policy: str) -> None:
        params = {"TopicArn": arn, "AttributeName": "Policy", "AttributeValue": policy}
        job.call("sns", "set_topic_attributes", params)


class TopicInlinePolicy(TopicPolicy):
    """``AWS::SNS::TopicInlinePolicy``: the policy of one topic, which is its identifier."""

    type = "AWS::SNS::TopicInlinePolicy"
    covers = frozenset({"PolicyDocument", "TopicArn"})

    def create(self, job: Job) -> Made:
        """SetTopicAttributes on the topic."""
        super().create(job)
        return Made(str(job.get("TopicArn")))

    @staticmethod
    def _topics(properties: Any) -> list[str]:
        return [str(properties["TopicArn"])] if "TopicArn" in properties else []
