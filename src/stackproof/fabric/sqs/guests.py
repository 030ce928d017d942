"""Which AWS services a queue's policy lets in.

A service that sends for one of its resources (a topic, a rule, a bucket) needs a statement of the queue's
policy, in the same account too. Sources: SNS developer guide, "Subscribing an Amazon SQS queue to an Amazon
SNS topic" and "Message delivery retries" (a refusal is a client-side error, it is not retried); EventBridge
user guide, "Using resource-based policies", "Amazon SQS permissions"; S3 user guide, "Granting permissions
to publish event notification messages to a destination".
"""

from __future__ import annotations

import json

from stackproof.fabric import access, arns
from stackproof.fabric.service import Delivery
from stackproof.fabric.sqs.queue import Queue

GUESTS = frozenset({"sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"})
"""Those that send as themselves; the others do so in the session of a role."""


def refusal(queue: Queue, delivery: Delivery) -> str:
    """Why a delivery may not be sent to the queue, "" when it may."""
    if delivery.principal not in GUESTS:
        return ""
    account = str(delivery.context.get("account") or "")
    return closed(queue, delivery.principal, delivery.source, account)


def closed(queue: Queue, service: str, source: str, account: str = "") -> str:
    """Why ``service`` may not send for ``source`` (an ARN), "" when it may."""
    parsed = arns.parse(source)
    visit = access.Visit(
        service, "sqs:SendMessage", queue.arn, source, account or (parsed.account if parsed else "")
    )
    return access.why_refused(json.loads(queue.settings.get("Policy") or "{}"), visit)
