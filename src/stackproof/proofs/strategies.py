"""Hypothesis strategies made from a deployed stack: what its sources take, what its tables hold.

Every strategy draws the parameters of the boto3 call that sends it, so that a test puts it through the
deployed wiring: ``sqs.send_message(**message)``, ``sns.publish(**publication)``,
``kinesis.put_record(**record)``, ``dynamodb.put_item(**item)``, ``events.put_events(**event)``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from stackproof.deploy.model import Resource
from stackproof.deploy.stack import Stack
from stackproof.errors import UsageError
from stackproof.fabric.s3.model import Target
from stackproof.fabric.sns import filters as policies
from stackproof.proofs import events, rules
from stackproof.proofs import keys as object_keys
from stackproof.proofs import lines as log_lines
from stackproof.proofs.filters import as_attributes, attributes, bodies, documents, missing_bodies, objects
from stackproof.proofs.leaves import Strategy, scalars, texts

Call = st.SearchStrategy[dict[str, Any]]
_QUEUES = ("AWS::SQS::Queue",)
_STREAMS = ("AWS::Kinesis::Stream",)
_TABLES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
_RULE = "AWS::Events::Rule"
_KEYS: dict[str, Strategy] = {
    "S": texts.map(lambda text: {"S": text}),
    "N": st.integers(-(10**12), 10**12).map(lambda number: {"N": str(number)}),
    "B": st.binary(min_size=1, max_size=20).map(lambda data: {"B": data}),
}


def strategies(stack: Stack) -> Strategies:
    """The strategies of a stack."""
    return Strategies(stack)


class Strategies:
    """Names are logical ids. ``body`` arguments are strategies for decoded JSON, or for text."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    # Queues.

    def messages(self, queue: str, body: Strategy | None = None) -> Call:
        """Messages that a queue takes, and its event source mappings let through."""
        found = self._resource(queue, _QUEUES)
        wanted = body if body is not None else self._bodies(found)
        return self._sent(found, wanted)

    def near_messages(self, queue: str, body: Strategy | None = None) -> Call:
        """Messages that a queue takes and that no consumer should trust: no JSON, other JSON, fields wrong.

        With ``body`` the objects that it draws are broken in one place.
        """
        found = self._resource(queue, _QUEUES)
        broken = [
            texts,
            documents.filter(lambda value: not isinstance(value, dict)),
            objects,
            events.damaged(body if body is not None else self._bodies(found)),
        ]
        return self._sent(found, st.one_of(broken))

    def _sent(self, queue: Resource, body: Strategy) -> Call:
        parts: dict[str, Strategy] = {
            "QueueUrl": st.just(queue.physical_id),
            "MessageBody": body.map(_text).filter(bool),
            "MessageAttributes": attributes,
        }
        if queue.physical_id.endswith(".fifo"):
            parts |= _fifo(queue.properties)
        return st.fixed_dictionaries(parts)

    def _bodies(self, source: Resource, field: str = "body") -> Strategy:
        patterns = [
            pattern[field]
            for mapping in self._mappings(source.arn)
            for pattern in _patterns(mapping)
            if isinstance(pattern.get(field), Mapping)
        ]
        return st.one_of([bodies(pattern) for pattern in patterns]) if patterns else objects

    def _mappings(self, source: str) -> Iterator[Resource]:
        for _, one in self._stack.walk():
            if (
                one.type == "AWS::Lambda::EventSourceMapping"
                and one.properties.get("EventSourceArn") == source
            ):
                yield one

    # Streams.

    def records(self, stream: str, body: Strategy | None = None) -> Call:
        """Records that a Kinesis stream takes, and its event source mappings let through."""
        found = self._resource(stream, _STREAMS)
        return self._put(found, body if body is not None else self._bodies(found, "data"))

    def near_records(self, stream: str, body: Strategy | None = None) -> Call:
        """Records that a stream takes and no consumer should trust: no JSON, other JSON, fields wrong."""
        found = self._resource(stream, _STREAMS)
        broken = [
            st.binary(max_size=50),
            texts,
            documents.filter(lambda value: not isinstance(value, dict)),
            objects,
            events.damaged(body if body is not None else self._bodies(found, "data")),
        ]
        return self._put(found, st.one_of(broken))

    @staticmethod
    def _put(stream: Resource, body: Strategy) -> Call:
        parts: dict[str, Strategy] = {
            "StreamName": st.just(stream.physical_id),
            "Data": body.map(lambda value: value if isinstance(value, bytes) else _text(value).encode()),
            "PartitionKey": st.sampled_from(["a", "b", "c"]) | texts.filter(bool),
        }
        return st.fixed_dictionaries(parts)

    # Topics and subscriptions.

    def publications(self, topic: str, body: Strategy | None = None) -> Call:
        """Messages that a topic takes."""
        found = self._resource(topic, ("AWS::SNS::Topic",))
        return self._published(found.physical_id, body if body is not None else objects, attributes)

    def matching(self, subscription: str, body: Strategy | None = None) -> Call:
        """Messages that satisfy a subscription's filter policy, or events that satisfy a rule's pattern.

        ``body`` draws the message, or what an event's detail has besides.
        """
        if self._stack[subscription].type == _RULE:
            return rules.matching(self._stack[subscription], body)
        topic, policy, on_body = self._subscription(subscription)
        if on_body:
            return self._published(topic, bodies(policy), attributes)
        wanted = body if body is not None else objects
        return self._published(topic, wanted, bodies(policy).map(as_attributes))

    def missing(self, subscription: str, body: Strategy | None = None) -> Call:
        """Messages that a subscription's filter policy stops, or events that a rule's pattern stops."""
        if self._stack[subscription].type == _RULE:
            return rules.missing(self._stack[subscription])
        topic, policy, on_body = self._subscription(subscription)
        if not policy:
            raise UsageError(f"'{subscription}' has no filter policy: nothing misses it")
        if on_body:
            broken = missing_bodies(policy, lambda found: policies.matches_body(policy, json.dumps(found)))
            return self._published(topic, broken, attributes)
        broken = missing_bodies(
            policy, lambda found: policies.matches_attributes(policy, as_attributes(found))
        )
        wanted = body if body is not None else objects
        return self._published(topic, wanted, broken.map(as_attributes))

    def _subscription(self, logical_id: str) -> tuple[str, dict[str, Any], bool]:
        found = self._resource(logical_id, ("AWS::SNS::Subscription",)).properties
        policy = found.get("FilterPolicy") or {}
        policy = json.loads(policy) if isinstance(policy, str) else policy
        return str(found["TopicArn"]), policy, found.get("FilterPolicyScope") == "MessageBody"

    def _published(self, topic: str, body: Strategy, attributes: Strategy) -> Call:
        parts: dict[str, Strategy] = {
            "TopicArn": st.just(topic),
            "Message": body.map(_text).filter(bool),
            "MessageAttributes": attributes,
        }
        if topic.endswith(".fifo"):
            owner = next((one for _, one in self._stack.walk() if one.physical_id == topic), None)
            parts |= _fifo(owner.properties if owner else {})
        return st.fixed_dictionaries(parts)

    # Tables.

    def items(self, table: str, **fields: Strategy) -> Call:
        """Items with a table's keys (those of its indexes too); ``fields`` are in DynamoDB JSON."""
        found = self._resource(table, _TABLES)
        kinds = _kinds(found)
        keyed = {name: _KEYS[kind] for name, kind in kinds.items() if name not in fields}
        others = st.dictionaries(
            texts.filter(lambda name: name not in kinds), scalars.map(_typed), max_size=3
        )
        item = st.tuples(others, st.fixed_dictionaries({**keyed, **fields})).map(
            lambda two: {**two[0], **two[1]}
        )
        return st.fixed_dictionaries({"TableName": st.just(found.physical_id), "Item": item})

    def keys(self, table: str) -> Call:
        """Primary keys of a table."""
        found = self._resource(table, _TABLES)
        kinds = _kinds(found)
        names = [one["AttributeName"] for one in found.properties["KeySchema"]]
        key = st.fixed_dictionaries({name: _KEYS[kinds[name]] for name in names})
        return st.fixed_dictionaries({"TableName": st.just(found.physical_id), "Key": key})

    # Buckets and log groups.

    def puts(self, bucket: str) -> Call:
        """Objects whose keys one of a bucket's notifications lets through."""
        name, wanted = self._notified(bucket)
        return self._objects(name, st.one_of([object_keys.satisfying(target) for target in wanted]))

    def stray_puts(self, bucket: str) -> Call:
        """Objects whose keys no notification of a bucket lets through."""
        name, wanted = self._notified(bucket)
        if any(not target.rules for target in wanted):
            raise UsageError(f"'{bucket}' tells of every key: none is missed")
        return self._objects(name, object_keys.missing(wanted))

    def _notified(self, bucket: str) -> tuple[str, list[Target]]:
        found = self._resource(bucket, ("AWS::S3::Bucket",))
        wanted = list(object_keys.targets(found.properties.get("NotificationConfiguration") or {}))
        if not wanted:
            raise UsageError(f"'{bucket}' has no notification to a function, a queue or a topic")
        return found.physical_id, wanted

    @staticmethod
    def _objects(bucket: str, key: Strategy) -> Call:
        return st.fixed_dictionaries({"Bucket": st.just(bucket), "Key": key, "Body": st.binary(max_size=40)})

    def lines(self, log_filter: str) -> st.SearchStrategy[str]:
        """Log lines that a subscription or metric filter takes (texts: the caller knows the time)."""
        return log_lines.satisfying(self._pattern(log_filter))

    def stray_lines(self, log_filter: str) -> st.SearchStrategy[str]:
        """Log lines that a subscription or metric filter leaves."""
        pattern = self._pattern(log_filter)
        if pattern.strip() in ("", "[]", "[...]"):
            raise UsageError(f"'{log_filter}' takes every line: none is missed")
        return log_lines.missing(pattern)

    def _pattern(self, log_filter: str) -> str:
        types = ("AWS::Logs::SubscriptionFilter", "AWS::Logs::MetricFilter")
        return str(self._resource(log_filter, types).properties.get("FilterPattern", ""))

    # Functions.

    def events(self, function: str, body: Strategy | None = None) -> Call:
        """Events as the triggers of a function send them (queues, topics, streams, rules)."""
        return st.one_of(list(self._triggers(function, body)))

    def near_events(self, function: str, body: Strategy | None = None) -> Call:
        """Events of its triggers with one thing wrong: a field gone, a body broken, a record twice, none."""
        return st.one_of([events.nearly(one) for one in self._triggers(function, body)])

    def _triggers(self, function: str, body: Strategy | None) -> Iterator[Call]:
        target = self._resource(function, ("AWS::Lambda::Function",))
        found = False
        for _, one in self._stack.walk():
            made = self._trigger(one, target, body)
            if made is not None:
                found = True
                yield made
        if not found:
            raise UsageError(f"'{function}' has no trigger of a queue, a topic, a stream or a rule")

    def _trigger(self, one: Resource, target: Resource, body: Strategy | None) -> Call | None:
        properties = one.properties
        names = (target.physical_id, target.arn)
        if one.type == "AWS::SNS::Subscription" and properties.get("Endpoint") == target.arn:
            topic = str(properties["TopicArn"])
            return events.of_topic(self.matching(one.logical_id, body), topic, one.physical_id)
        if one.type == _RULE and properties.get("EventPattern"):
            aims = [aim for aim in properties.get("Targets") or () if aim.get("Arn") == target.arn]
            return rules.received(one, aims[0]) if aims else None
        if one.type != "AWS::Lambda::EventSourceMapping" or properties.get("FunctionName") not in names:
            return None
        source = str(properties.get("EventSourceArn", ""))
        home = source.partition("/consumer/")[0]
        owner = next((other for _, other in self._stack.walk() if home in _arns(other)), None)
        if owner is not None and owner.type in _STREAMS:
            role = str(target.properties.get("Role", ""))
            return events.of_stream(self.records(owner.logical_id, body), source, role)
        if owner is not None and owner.type in _QUEUES:
            size = int(properties.get("BatchSize", 10))
            return events.of_queue(self.messages(owner.logical_id, body), source, min(size, 10))
        if owner is not None and owner.type in _TABLES:
            view = (owner.properties.get("StreamSpecification") or {}).get("StreamViewType", "KEYS_ONLY")
            names_of_keys = [key["AttributeName"] for key in owner.properties["KeySchema"]]
            return events.of_table(self.items(owner.logical_id), names_of_keys, source, view)
        return None

    def _resource(self, logical_id: str, types: tuple[str, ...]) -> Resource:
        found = self._stack[logical_id]
        if found.type not in types:
            raise UsageError(f"'{logical_id}' is {found.type}, not {types[0]}")
        return found


def _kinds(table: Resource) -> dict[str, str]:
    """The key attributes of a table and its indexes with their types."""
    definitions = table.properties["AttributeDefinitions"]
    return {one["AttributeName"]: one["AttributeType"] for one in definitions}


def _fifo(properties: Mapping[str, Any]) -> dict[str, Strategy]:
    """A few groups, so that order matters; an id for deduplication unless the content is one."""
    parts: dict[str, Strategy] = {"MessageGroupId": st.sampled_from(["a", "b", "c"])}
    if str(properties.get("ContentBasedDeduplication", False)).lower() != "true":
        parts["MessageDeduplicationId"] = st.uuids().map(str)
    return parts


def _patterns(mapping: Resource) -> Iterator[Mapping[str, Any]]:
    for one in (mapping.properties.get("FilterCriteria") or {}).get("Filters") or []:
        pattern = one.get("Pattern")
        yield json.loads(pattern) if isinstance(pattern, str) else pattern


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _typed(value: Any) -> dict[str, Any]:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"S": value} if isinstance(value, str) else {"N": repr(value)}


def _arns(resource: Resource) -> tuple[str, ...]:
    return (resource.arn, str(resource.attributes.get("StreamArn", "")))
