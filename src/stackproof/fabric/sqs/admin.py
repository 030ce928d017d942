"""Queues themselves: create, delete, list, attributes, tags, permissions, purge."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError
from stackproof.fabric.sqs import attributes, errors, validate
from stackproof.fabric.sqs.fifo import FifoQueue
from stackproof.fabric.sqs.history import MINUTE
from stackproof.fabric.sqs.queue import Queue

if TYPE_CHECKING:
    from stackproof.fabric.sqs.service import SqsService

_MINUTE_MS = 60_000


class Admin:
    """The operations on queues."""

    def __init__(self, service: SqsService) -> None:
        self._service = service
        self.operations: Mapping[str, Operation] = {
            "CreateQueue": self.create_queue,
            "DeleteQueue": self.delete_queue,
            "GetQueueUrl": self.get_queue_url,
            "ListQueues": self.list_queues,
            "ListDeadLetterSourceQueues": self.list_dead_letter_source_queues,
            "GetQueueAttributes": self.get_queue_attributes,
            "SetQueueAttributes": self.set_queue_attributes,
            "PurgeQueue": self.purge_queue,
            "TagQueue": self.tag_queue,
            "UntagQueue": self.untag_queue,
            "ListQueueTags": self.list_queue_tags,
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
        }

    def create_queue(self, params: Params, caller: Caller) -> Response:
        """A new queue, or the one that exists with the same attributes."""
        name, given = params["QueueName"], params.get("Attributes") or {}
        validate.queue_name(name)
        settings = attributes.for_creation(name, given)
        arn = arns.arn("sqs", caller.region, caller.account, name)
        existing = self._service.queue(arn)
        if existing is not None:
            self._same(existing, attributes.checked(given, fifo=existing.fifo))
            return {"QueueUrl": existing.url}
        now = self._service.world.clock.ms
        if now - self._service.deleted.get(arn, now - _MINUTE_MS) < _MINUTE_MS:
            raise errors.namespaced(
                "QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same "
                "name.",
            )
        self._check_redrive(settings, name)
        url = f"https://sqs.{caller.region}.amazonaws.com/{caller.account}/{name}"
        queue = FifoQueue(arn, url, name) if name.endswith(".fifo") else Queue(arn, url, name)
        queue.updated(settings, now)
        queue.created_ms = now
        queue.history.next = now // MINUTE
        queue.history.used(now // MINUTE)
        queue.scope = settings.get("DeduplicationScope", "queue")
        queue.tags.update(params.get("tags") or {})
        self._service.queues[arn] = queue
        return {"QueueUrl": url}

    @staticmethod
    def _same(queue: Queue, given: Mapping[str, str]) -> None:
        for name, value in given.items():
            if queue.settings.get(name, "") != value:
                message = (
                    "A queue already exists with the same name and a different value for attribute " + name
                )
                raise ServiceError("QueueAlreadyExists", message, query_code="QueueNameExists")

    def _check_redrive(self, settings: Mapping[str, str], name: str) -> None:
        target = attributes.redrive_target(settings)
        if target is None:
            return
        text = settings["RedrivePolicy"]
        if target[0] not in self._service.queues:
            raise errors.invalid(text, "RedrivePolicy", "Dead letter target does not exist.")
        if target[0].endswith(".fifo") != name.endswith(".fifo"):
            reason = "Dead-letter queue must be same type of queue as the source."
            raise errors.invalid(text, "RedrivePolicy", reason)

    def delete_queue(self, params: Params, caller: Caller) -> Response:
        """The queue and its messages are gone; its name is taken for another minute."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        del self._service.queues[queue.arn]
        self._service.deleted[queue.arn] = self._service.world.clock.ms
        self._service.wake(queue)
        queue.purge()
        self._service.settled(queue)
        return {}

    def get_queue_url(self, params: Params, caller: Caller) -> Response:
        """The URL of a queue by name."""
        account = params.get("QueueOwnerAWSAccountId") or caller.account
        queue = self._service.queues.get(arns.arn("sqs", caller.region, account, params["QueueName"]))
        if queue is None:
            raise errors.no_queue()
        return {"QueueUrl": queue.url}

    def list_queues(self, params: Params, caller: Caller) -> Response:
        """URLs by prefix, in order of name, in pages when ``MaxResults`` is given."""
        prefix = arns.arn("sqs", caller.region, caller.account, params.get("QueueNamePrefix", ""))
        urls = [queue.url for arn, queue in sorted(self._service.queues.items()) if arn.startswith(prefix)]
        return _page(urls, params, "QueueUrls")

    def list_dead_letter_source_queues(self, params: Params, caller: Caller) -> Response:
        """Queues that redrive to this one."""
        target = self._service.by_url(params["QueueUrl"], caller).arn
        urls = [
            queue.url
            for _, queue in sorted(self._service.queues.items())
            if (found := attributes.redrive_target(queue.settings)) is not None and found[0] == target
        ]
        return {"queueUrls": [], **_page(urls, params, "queueUrls")}

    # Attributes.

    def get_queue_attributes(self, params: Params, caller: Caller) -> Response:
        """The attributes asked for; counts are exact here."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        queue.expire(self._service.world.clock.ms)
        names = params.get("AttributeNames") or ()
        for name in names:
            if name not in attributes.KNOWN:
                raise errors.attribute_name(f"Unknown Attribute {name}.")
        every = {**_computed(queue), **queue.settings}
        if "All" in names:
            return {"Attributes": every}
        chosen = {name: every[name] for name in names if name in every}
        return {"Attributes": chosen} if chosen else {}

    def set_queue_attributes(self, params: Params, caller: Caller) -> Response:
        """Change attributes; an empty policy takes it away."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        changes = attributes.for_update(params["Attributes"], fifo=queue.fifo)
        attributes.check_throughput({**queue.settings, **changes})
        self._check_redrive(changes, queue.name)
        if changes.get("KmsMasterKeyId") == "":
            changes["KmsDataKeyReusePeriodSeconds"] = ""
        queue.updated(changes, self._service.world.clock.ms)
        return {}

    def purge_queue(self, params: Params, caller: Caller) -> Response:
        """Delete all messages; at most once in sixty seconds."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        now = self._service.world.clock.ms
        if queue.purged_ms is not None and now - queue.purged_ms < _MINUTE_MS:
            message = f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds."
            raise errors.namespaced("PurgeQueueInProgress", message, status=403)
        queue.purge()
        queue.purged_ms = now
        self._service.settled(queue)
        return {}

    # Tags.

    def tag_queue(self, params: Params, caller: Caller) -> Response:
        """Add or overwrite tags."""
        self._service.by_url(params["QueueUrl"], caller).tags.update(params["Tags"])
        return {}

    def untag_queue(self, params: Params, caller: Caller) -> Response:
        """Take tags away; unknown keys are ignored."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        for key in params["TagKeys"]:
            queue.tags.pop(key, None)
        return {}

    def list_queue_tags(self, params: Params, caller: Caller) -> Response:
        """The tags; left out when there are none."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        return {"Tags": dict(queue.tags)} if queue.tags else {}

    # Permissions.

    def add_permission(self, params: Params, caller: Caller) -> Response:
        """A statement in the queue's policy."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        label = params["Label"]
        policy = json.loads(queue.settings.get("Policy") or "{}") or {
            "Version": "2008-10-17",
            "Id": f"{queue.arn}/SQSDefaultPolicy",
            "Statement": [],
        }
        if any(statement.get("Sid") == label for statement in policy["Statement"]):
            raise errors.invalid(label, "Label", "Already exists.")
        partition = arns.partition(caller.region)
        principals = [f"arn:{partition}:iam::{account}:root" for account in params["AWSAccountIds"]]
        actions = [f"SQS:{action}" for action in params["Actions"]]
        policy["Statement"].append({
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
            "Action": actions[0] if len(actions) == 1 else actions,
            "Resource": queue.arn,
        })  # fmt: skip
        queue.settings["Policy"] = json.dumps(policy, separators=(",", ":"))
        return {}

    def remove_permission(self, params: Params, caller: Caller) -> Response:
        """Take a statement away by its label."""
        queue = self._service.by_url(params["QueueUrl"], caller)
        label = params["Label"]
        policy = json.loads(queue.settings.get("Policy") or '{"Statement": []}')
        kept = [statement for statement in policy["Statement"] if statement.get("Sid") != label]
        if len(kept) == len(policy["Statement"]):
            raise errors.invalid(label, "Label", "can't find label.")
        policy["Statement"] = kept
        if kept:
            queue.settings["Policy"] = json.dumps(policy, separators=(",", ":"))
        else:
            queue.settings.pop("Policy")
        return {}


def _computed(queue: Queue) -> dict[str, str]:
    return {
        "QueueArn": queue.arn,
        "ApproximateNumberOfMessages": str(queue.visible),
        "ApproximateNumberOfMessagesNotVisible": str(queue.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(queue.delayed),
        "CreatedTimestamp": str(queue.created_ms // 1000),
        "LastModifiedTimestamp": str(queue.modified_ms // 1000),
    }


def _page(urls: list[str], params: Params, key: str) -> dict[str, Any]:
    start = 0
    token, size = params.get("NextToken"), params.get("MaxResults")
    if token:
        last = base64.b64decode(token).decode()
        start = sum(url <= last for url in urls)
    page = urls[start : start + (size or 1000)]
    response: dict[str, Any] = {key: page} if page else {}
    if size and start + size < len(urls):
        response["NextToken"] = base64.b64encode(page[-1].encode()).decode()
    return response
