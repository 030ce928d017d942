"""From a publication to its endpoints: filters, order, retries, dead-letter queues.

Standard topics hand each subscription its message as separate work on the agenda (AWS promises no
order between subscriptions); a FIFO topic keeps one line for each subscription. Retries follow the
phases of the SNS developer guide, "Message delivery retries": for AWS-managed endpoints 3 at once,
2 after 1 s, 10 with growing pauses up to 20 s, then every 20 s (100,000 times); for HTTP the
topic's delivery policy.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stackproof.fabric import arns
from stackproof.fabric.service import Delivery, Undeliverable
from stackproof.fabric.sns import envelope, filters
from stackproof.fabric.sns.model import Publication, Subscription
from stackproof.fabric.sns.topics import effective

if TYPE_CHECKING:
    from stackproof.fabric.sns.service import SnsService

_PRINCIPAL = "sns.amazonaws.com"
_LAST_MANAGED_TRY = 100_015


class Deliveries:
    """See the module's text."""

    def __init__(self, service: SnsService) -> None:
        self._service = service
        self._lines: dict[str, deque[Publication]] = {}

    def fan_out(self, publication: Publication) -> None:
        """Put a publication on its way to every subscription whose filter it satisfies."""
        scheduler = self._service.world.scheduler
        for subscription in self._service.of_topic(publication.topic):
            if not subscription.confirmed or not accepts(subscription, publication):
                continue
            label = f"{arns.last(publication.topic)} to {arns.last(subscription.endpoint)}"
            if not publication.sequence:
                scheduler.soon(label, self._send, subscription.arn, publication, 0)
                continue
            line = self._lines.setdefault(subscription.arn, deque())
            line.append(publication)
            if len(line) == 1:
                scheduler.soon(label, self._send, subscription.arn, publication, 0)

    def _send(self, arn: str, publication: Publication, attempt: int) -> None:
        subscription = self._service.subscriptions.get(arn)
        if subscription is None:
            self._next(arn)
            return

        def done(error: Exception | None) -> None:
            self._sent(arn, publication, attempt, error)

        self._dispatch(subscription, publication, done)

    def _sent(self, arn: str, publication: Publication, attempt: int, error: Exception | None) -> None:
        subscription = self._service.subscriptions.get(arn)
        world = self._service.world
        if error is None or subscription is None:
            if error is None:
                world.meters.add(publication.topic, "NumberOfNotificationsDelivered")
            self._next(arn)
            return
        reason = error.reason if isinstance(error, Undeliverable) else str(error)
        topic, endpoint = arns.last(publication.topic), arns.last(subscription.endpoint)
        detail = {"MessageId": publication.id, "Attempt": attempt + 1}
        world.journal.record(topic, "sns.DeliveryFailed", endpoint, detail, f"error {reason}")
        pause = self._pause(subscription, attempt) if getattr(error, "retry", False) else None
        if pause is not None:
            label = f"{topic} to {endpoint}: retry {attempt + 1}"
            world.scheduler.after(pause, label, self._send, arn, publication, attempt + 1)
            return
        world.meters.add(publication.topic, "NumberOfNotificationsFailed")
        self._bury(subscription, publication)
        self._next(arn)

    def _next(self, arn: str) -> None:
        line = self._lines.get(arn)
        if not line:
            return
        line.popleft()
        if line:
            self._service.world.scheduler.soon(f"next of {arns.last(arn)}", self._send, arn, line[0], 0)
        else:
            del self._lines[arn]

    def _pause(self, subscription: Subscription, attempt: int) -> float | None:
        """Seconds before the next try; None after the last."""
        if subscription.protocol in ("http", "https"):
            topic = self._service.topics.get(subscription.topic)
            own = (
                json.loads(subscription.settings.get("DeliveryPolicy") or "{}").get("healthyRetryPolicy")
                or {}
            )
            policy = {**(effective(topic)["http"]["defaultHealthyRetryPolicy"] if topic else {}), **own}
            return _http_pause(policy, attempt)
        if attempt >= _LAST_MANAGED_TRY:
            return None
        if attempt < 3:
            return 0
        if attempt < 5:
            return 1
        return min(20.0, 1 + (attempt - 5) * 19 / 9) if attempt < 15 else 20

    # To the endpoint.

    def _dispatch(
        self, subscription: Subscription, publication: Publication, done: Callable[[Exception | None], None]
    ) -> None:
        protocol, world = subscription.protocol, self._service.world
        version = self._service.signature_version(publication.topic)
        if protocol == "sqs":
            world.deliver(subscription.endpoint, self._for_queue(subscription, publication, version), done)
        elif protocol == "lambda":
            body = envelope.lambda_event(publication, subscription, version)
            delivery = Delivery(publication.topic, body, principal=_PRINCIPAL, trace=publication.trace)
            world.deliver(subscription.endpoint, delivery, done)
        elif protocol == "firehose":
            text = self._body(subscription, publication, version)
            world.deliver(
                subscription.endpoint, Delivery(publication.topic, text, principal=_PRINCIPAL), done
            )
        elif protocol in ("http", "https"):
            text = self._body(subscription, publication, version)
            self._http(subscription, "Notification", publication.id, text, done)
        else:
            self._service.mobile.deliver(subscription, publication)
            done(None)

    @staticmethod
    def _body(subscription: Subscription, publication: Publication, version: str) -> str:
        if subscription.raw:
            return publication.text(subscription.protocol)
        return envelope.text(envelope.notification(publication, subscription, version))

    def _for_queue(self, subscription: Subscription, publication: Publication, version: str) -> Delivery:
        raw = subscription.raw
        ordered = subscription.endpoint.endswith(".fifo")
        group = publication.group if ordered or not publication.sequence else ""
        return Delivery(
            publication.topic,
            self._body(subscription, publication, version),
            attributes=publication.attributes if raw else {},
            group=group,
            deduplication=publication.deduplication if ordered else "",
            trace=publication.trace,
            principal=_PRINCIPAL,
        )

    def _http(
        self, subscription: Subscription, kind: str, identifier: str, text: str,
        done: Callable[[Exception | None], None],
    ) -> None:  # fmt: skip
        world = self._service.world
        receiver = world.receivers.get(urlsplit(subscription.endpoint).scheme)
        if receiver is None:
            done(Undeliverable(f"no HTTP double is declared for {subscription.endpoint}"))
            return
        topic = self._service.topics.get(subscription.topic)
        content_type = "text/plain; charset=UTF-8"
        if topic is not None:
            content_type = effective(topic)["http"]["defaultRequestPolicy"]["headerContentType"]
        headers = envelope.headers(kind, identifier, subscription, content_type)
        context = {"method": "POST", "headers": headers}
        receiver.deliver(
            subscription.endpoint,
            Delivery(subscription.topic, text, principal=_PRINCIPAL, context=context),
            done,
        )

    def confirm(self, subscription: Subscription, kind: str) -> None:
        """Send a (un)subscription's confirmation request to its HTTP endpoint."""
        world = self._service.world
        version = self._service.signature_version(subscription.topic)
        identifier = world.ids.uuid()
        fields = envelope.confirmation(subscription, kind, identifier, world.clock.ms, version)
        text = envelope.text(fields)
        label = f"{kind} to {subscription.endpoint}"
        world.scheduler.soon(label, self._http, subscription, kind, identifier, text, _ignored)

    def _bury(self, subscription: Subscription, publication: Publication) -> None:
        """To the subscription's dead-letter queue, if it has one; otherwise the message is lost."""
        world = self._service.world
        policy = subscription.settings.get("RedrivePolicy")
        topic, endpoint = arns.last(publication.topic), arns.last(subscription.endpoint)
        detail = {"MessageId": publication.id}
        if not policy:
            world.journal.record(topic, "sns.MessageLost", endpoint, detail)
            return
        target = json.loads(policy)["deadLetterTargetArn"]
        version = self._service.signature_version(publication.topic)
        delivery = self._for_queue(subscription, publication, version)
        world.journal.record(topic, "sns.Redrive", arns.last(target), detail)

        def done(error: Exception | None) -> None:
            if error is not None:
                world.journal.record(topic, "sns.MessageLost", arns.last(target), detail, f"error {error}")

        world.deliver(target, delivery, done)

    def snapshot(self) -> Any:
        """The lines of FIFO topics."""
        return {arn: tuple(line) for arn, line in self._lines.items()}

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        self._lines = {arn: deque(line) for arn, line in state.items()}


def accepts(subscription: Subscription, publication: Publication) -> bool:
    """Whether a publication satisfies a subscription's filter policy."""
    text = subscription.settings.get("FilterPolicy")
    if not text:
        return True
    policy = json.loads(text)
    if subscription.settings.get("FilterPolicyScope") == "MessageBody":
        return filters.matches_body(policy, publication.text(subscription.protocol))
    return filters.matches_attributes(policy, publication.attributes)


def _http_pause(policy: dict[str, Any], attempt: int) -> float | None:
    total = policy.get("numRetries", 3)
    if attempt >= total:
        return None
    first, last = policy.get("minDelayTarget", 20), policy.get("maxDelayTarget", 20)
    immediate = policy.get("numNoDelayRetries", 0)
    shortest = immediate + policy.get("numMinDelayRetries", 0)
    if attempt < immediate:
        return 0
    if attempt < shortest:
        return float(first)
    longest_from = total - policy.get("numMaxDelayRetries", 0)
    if attempt >= longest_from:
        return float(last)
    steps = max(longest_from - shortest - 1, 1)
    return float(first + (last - first) * (attempt - shortest) / steps)


def _ignored(error: Exception | None) -> None:
    """A delivery that nobody retries."""
