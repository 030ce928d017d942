"""Where notifications go: may S3 send there, and the message that it sends to try.

Source: S3 user guide, "Granting permissions to publish event notification messages to a destination": S3
validates every destination when a configuration is put, and sends a test message to queues and topics.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stackproof.fabric import access, registry
from stackproof.fabric.functions.names import named
from stackproof.fabric.functions.policies import allows as lets_in
from stackproof.fabric.s3.configuration import invalid
from stackproof.fabric.s3.model import Notifications, Target
from stackproof.fabric.service import Delivery, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

PRINCIPAL = "s3.amazonaws.com"
SUBJECT = "Amazon S3 Notification"
_REFUSED = "Permissions on the destination {} do not allow S3 to publish notifications from this bucket"


class Destinations:
    """Looks at queues, topics and functions of the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def check(self, wanted: Notifications) -> None:
        """Raise ``InvalidArgument`` that names each destination that S3 could not send to."""
        found: dict[str, str] = {}
        for target in wanted.targets:
            name, reason = target.arn, self._refusal(target, wanted)
            if reason:
                number = len(found) // 2 + 1
                found[f"ArgumentName{number}"] = f"{name}, null" if target.kind == "lambda" else name
                found[f"ArgumentValue{number}"] = reason
        if found:
            raise invalid("Unable to validate the following destination configurations", **found)

    def _refusal(self, target: Target, wanted: Notifications) -> str:
        if target.kind == "lambda":
            return self._of_function(target, wanted)
        return self._of_queue(target, wanted) if target.kind == "sqs" else self._of_topic(target, wanted)

    def _of_function(self, target: Target, wanted: Notifications) -> str:
        functions = self._world.service("lambda")
        caller = self._world.caller(wanted.account, wanted.region)
        refusal = f"Not authorized to invoke function [{target.arn}]"
        try:
            function, what = functions.find({"FunctionName": target.arn}, caller)
            functions.resolve(function, what.qualifier)
        except ServiceError:
            return refusal
        qualifier = named(target.arn, caller).qualifier
        allowed = lets_in(function, qualifier, PRINCIPAL, wanted.arn, wanted.account)
        return "" if allowed else refusal

    def _of_queue(self, target: Target, wanted: Notifications) -> str:
        queue = self._world.service("sqs").queue(target.arn)
        if queue is None:
            return "The destination queue does not exist"
        policy = json.loads(queue.settings.get("Policy") or "{}")
        visit = self._visit("sqs:SendMessage", target, wanted)
        key = queue.settings.get("KmsMasterKeyId", "")
        if not access.allows(policy, visit) or not self._key_open(key, wanted):
            return _REFUSED.format("queue")
        return ""

    def _of_topic(self, target: Target, wanted: Notifications) -> str:
        topic = self._world.service("sns").topics.get(target.arn)
        visit = self._visit("sns:Publish", target, wanted)
        if topic is None or not access.allows(topic.policy, visit):
            return _REFUSED.format("topic")
        return (
            ""
            if self._key_open(topic.settings.get("KmsMasterKeyId", ""), wanted)
            else _REFUSED.format("topic")
        )

    @staticmethod
    def _visit(action: str, target: Target, wanted: Notifications) -> access.Visit:
        return access.Visit(PRINCIPAL, action, target.arn, wanted.arn, wanted.account)

    def _key_open(self, key: str, wanted: Notifications) -> bool:
        """Whether S3 may use the key that encrypts a destination: an AWS managed key it never may."""
        if not key:
            return True
        assert self._world.state is not None  # keys are kept there
        caller = self._world.caller(wanted.account, wanted.region)
        try:
            known = self._world.state.call("kms", "DescribeKey", {"KeyId": key}, caller)["KeyMetadata"]
            params = {"KeyId": known["KeyId"], "PolicyName": "default"}
            policy = json.loads(self._world.state.call("kms", "GetKeyPolicy", params, caller)["Policy"])
        except ServiceError:
            return False
        return all(
            access.allows(policy, access.Visit(PRINCIPAL, action, known["Arn"], wanted.arn, wanted.account))
            for action in ("kms:GenerateDataKey", "kms:Decrypt")
        )

    # Sending.

    def test(self, wanted: Notifications) -> None:
        """Send the test message to each queue and topic."""
        for target in wanted.targets:
            if target.kind == "lambda":
                continue
            message = {
                "Service": "Amazon S3",
                "Event": "s3:TestEvent",
                "Time": self._world.clock.iso(),
                "Bucket": wanted.bucket,
                "RequestId": self._world.ids.hex(16).upper(),
                "HostId": self._world.ids.token(48),
            }
            self.send(wanted, target.arn, json.dumps(message))

    def send(self, wanted: Notifications, arn: str, body: str) -> None:
        """Hand a message to a destination; a failure stands in the journal, as nobody gets it."""
        world = self._world

        def done(error: Exception | None) -> None:
            if error is not None:
                world.journal.record(wanted.bucket, "s3.NotificationFailed", arn.rpartition(":")[2],
                                     None, f"error {error}")  # fmt: skip

        context = {"subject": SUBJECT, "account": wanted.account}
        world.deliver(arn, Delivery(wanted.arn, body, principal=PRINCIPAL, context=context), done)

    def bridged(self) -> bool:
        """Whether this world has EventBridge."""
        return "events" in registry.names()
