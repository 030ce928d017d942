"""The service SNS: its topics and subscriptions, and its table of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import access, arns
from stackproof.fabric.service import Caller, Delivery, Operation, ServiceError, Undeliverable
from stackproof.fabric.sns import errors
from stackproof.fabric.sns.deliveries import Deliveries
from stackproof.fabric.sns.mobile import Mobile
from stackproof.fabric.sns.model import Subscription, Topic
from stackproof.fabric.sns.publishing import Publishing
from stackproof.fabric.sns.subscriptions import Subscriptions
from stackproof.fabric.sns.topics import Topics
from stackproof.fabric.tasks import current

if TYPE_CHECKING:
    from stackproof.fabric.world import World


_GUESTS = frozenset({"events.amazonaws.com", "s3.amazonaws.com"})
"""Those that publish as themselves; the others do so in the session of a role."""


class SnsService:
    """One instance serves all accounts and regions."""

    name = "sns"

    def __init__(self, world: World) -> None:
        self.world = world
        self.topics: dict[str, Topic] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._by_topic: dict[str, dict[str, None]] = {}
        self.deliveries = Deliveries(self)
        self.mobile = Mobile(self)
        self.publishing = Publishing(self)
        self.operations: Mapping[str, Operation] = {
            **Topics(self).operations,
            **Subscriptions(self).operations,
            **self.publishing.operations,
            **self.mobile.operations,
        }
        world.receivers["sns"] = self

    def checked_arn(self, arn: str, caller: Caller, parameter: str = "TopicArn") -> str:
        """A well-formed topic ARN of the caller's region; raises InvalidParameter."""
        parsed = errors.check_arn(arn, parameter)
        if parsed.region != caller.region:
            raise errors.invalid(parameter)
        return arn

    def topic(self, arn: str, caller: Caller, what: str = "Topic") -> Topic:
        """The topic; raises InvalidParameter or NotFound."""
        found = self.topics.get(self.checked_arn(arn, caller))
        if found is None:
            if what == "Resource":
                raise ServiceError("ResourceNotFound", "Resource does not exist", status=404)
            raise errors.not_found(what)
        return found

    def of_topic(self, arn: str) -> Iterator[Subscription]:
        """The subscriptions of a topic, oldest first."""
        return (self.subscriptions[found] for found in tuple(self._by_topic.get(arn, ())))

    def add(self, subscription: Subscription) -> None:
        """Keep a new subscription."""
        self.subscriptions[subscription.arn] = subscription
        self._by_topic.setdefault(subscription.topic, {})[subscription.arn] = None

    def forget(self, subscription: Subscription) -> None:
        """Drop a subscription."""
        self.subscriptions.pop(subscription.arn, None)
        self._by_topic.get(subscription.topic, {}).pop(subscription.arn, None)

    def signature_version(self, topic: str) -> str:
        """The topic's SignatureVersion."""
        found = self.topics.get(topic)
        return found.settings.get("SignatureVersion", "1") if found is not None else "1"

    @staticmethod
    def trace_of(caller: Caller) -> str:
        """The X-Ray header of the running invocation, for active tracing downstream."""
        task = current()
        return str(task.facts.get("trace", "")) if task is not None else ""

    def deliver(self, arn: str, delivery: Delivery, done: Callable[[Exception | None], None]) -> None:
        """Publish what another service (an alarm, a bucket, a rule) sends to a topic."""
        parsed = arns.parse(arn)
        if parsed is None or arn not in self.topics:
            done(Undeliverable(f"the topic {arn} does not exist", code="NotFound"))
            return
        caller = self.world.caller(
            parsed.account, parsed.region, arn=delivery.principal, actor=arns.last(delivery.source),
            service=delivery.principal, source_arn=delivery.source,
        )  # fmt: skip
        refusal = self._closed(arn, delivery)
        if refusal:
            done(Undeliverable(refusal, code="AuthorizationError"))
            return
        params: dict[str, Any] = {"TopicArn": arn, "Message": delivery.body}
        if delivery.context.get("subject"):
            params["Subject"] = delivery.context["subject"]
        if delivery.attributes:
            params["MessageAttributes"] = dict(delivery.attributes)
        if delivery.group:
            params["MessageGroupId"] = delivery.group
        try:
            self.world.call("sns", "Publish", params, caller)
        except ServiceError as error:
            done(Undeliverable.refused(error))
            return
        done(None)

    def _closed(self, arn: str, delivery: Delivery) -> str:
        """Why the topic's policy does not let a service publish, "" when it does."""
        if delivery.principal not in _GUESTS:
            return ""
        source = arns.parse(delivery.source)
        account = str(delivery.context.get("account") or (source.account if source else ""))
        visit = access.Visit(delivery.principal, "sns:Publish", arn, delivery.source, account)
        return access.why_refused(self.topics[arn].policy, visit)

    def snapshot(self) -> Any:
        """Everything is frozen: shallow copies do."""
        return (
            dict(self.topics),
            dict(self.subscriptions),
            {topic: tuple(found) for topic, found in self._by_topic.items()},
            self.deliveries.snapshot(),
            self.publishing.snapshot(),
            self.mobile.snapshot(),
        )

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        topics, subscriptions, by_topic, deliveries, publishing, mobile = state
        self.topics, self.subscriptions = dict(topics), dict(subscriptions)
        self._by_topic = {topic: dict.fromkeys(found) for topic, found in by_topic.items()}
        self.deliveries.restore(deliveries)
        self.publishing.restore(publishing)
        self.mobile.restore(mobile)
