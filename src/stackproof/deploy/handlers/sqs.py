"""Amazon SQS: queues and their policies."""

from __future__ import annotations

from typing import Any

from stackproof.deploy.fit import document, text
from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_ATTRIBUTES: dict[str, str] = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "262144",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
    "KmsMasterKeyId": "",
    "KmsDataKeyReusePeriodSeconds": "300",
    "SqsManagedSseEnabled": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
    "RedrivePolicy": "",
    "RedriveAllowPolicy": "",
}
"""Properties that are queue attributes of the same name, with what a removed one goes back to."""


class Queue(Handler):
    """``AWS::SQS::Queue``."""

    type = "AWS::SQS::Queue"
    covers = frozenset(_ATTRIBUTES) | {"QueueName", "FifoQueue", "Tags"}

    def create(self, job: Job) -> Made:
        """CreateQueue with every attribute."""
        fifo = text(job.get("FifoQueue", False)) == "true"
        attributes = {name: text(job.get(name)) for name in _ATTRIBUTES if name in job.properties}
        if fifo:
            attributes["FifoQueue"] = "true"
        name = job.name("QueueName", tail=".fifo" if fifo else "")
        params = {"QueueName": name, "Attributes": attributes, "tags": job.tags() or None}
        url = job.call("sqs", "create_queue", params)["QueueUrl"]
        answer = job.call("sqs", "get_queue_attributes", {"QueueUrl": url, "AttributeNames": ["QueueArn"]})
        return Made(url, {"Arn": answer["Attributes"]["QueueArn"], "QueueName": name, "QueueUrl": url})

    def update(self, job: Job, made: Made) -> Made:
        """SetQueueAttributes with what changed; a removed property goes back to its default."""
        attributes: dict[str, Any] = {}
        for name, default in _ATTRIBUTES.items():
            if job.changed(name):
                attributes[name] = text(job.get(name, default))
        if attributes:
            params = {"QueueUrl": made.physical_id, "Attributes": attributes}
            job.call("sqs", "set_queue_attributes", params)
        removed = job.removed_tags()
        if removed:
            job.call("sqs", "untag_queue", {"QueueUrl": made.physical_id, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("sqs", "tag_queue", {"QueueUrl": made.physical_id, "Tags": job.tags()})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteQueue."""
        job.call("sqs", "delete_queue", {"QueueUrl": made.physical_id})


class QueuePolicy(Handler):
    """``AWS::SQS::QueuePolicy``: one policy for several queues."""

    type = "AWS::SQS::QueuePolicy"
    covers = frozenset({"PolicyDocument", "Queues"})

    def create(self, job: Job) -> Made:
        """SetQueueAttributes on every queue."""
        self._set(job, self._queues(job.properties), document(job.get("PolicyDocument")))
        name = job.name("")
        return Made(name, {"Id": name})

    def update(self, job: Job, made: Made) -> Made:
        """As create; queues that are no longer named lose their policy."""
        gone = set(self._queues(job.before or {})) - set(self._queues(job.properties))
        self._set(job, sorted(gone), "")
        self.create(job)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """Take the policy away."""
        self._set(job, self._queues(job.properties), "")

    @staticmethod
    def _queues(properties: Any) -> list[str]:
        queues = properties.get("Queues", [])
        return [str(url) for url in (queues if isinstance(queues, list) else [queues])]

    @staticmethod
    def _set(job: Job, urls: list[str], policy: str) -> None:
        for url in urls:
            job.call("sqs", "set_queue_attributes", {"QueueUrl": url, "Attributes": {"Policy": policy}})


class QueueInlinePolicy(QueuePolicy):
    """``AWS::SQS::QueueInlinePolicy``: the policy of one queue, which is its identifier."""

    type = "AWS::SQS::QueueInlinePolicy"
    covers = frozenset({"PolicyDocument", "Queue"})

    def create(self, job: Job) -> Made:
        """SetQueueAttributes on the queue."""
        self._set(job, self._queues(job.properties), document(job.get("PolicyDocument")))
        return Made(str(job.get("Queue")))

    @staticmethod
    def _queues(properties: Any) -> list[str]:
        return [str(properties["Queue"])] if "Queue" in properties else []
