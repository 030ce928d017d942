"""What was asked of EventBridge: inputs of targets, and kinds of targets."""

from __future__ import annotations

import json
from typing import Any

import functions
from stage import ACCOUNT, Stage, scenario

INPUTS, TARGETS = "events-inputs", "events-targets"
TYPE = "core.update-account-command"
PATTERN = {"source": [TYPE], "detail-type": [TYPE], "detail": {"command": ["update-account"]}}
DETAIL = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sends-events"


class Bus:
    """A bus with one rule whose target is a queue."""

    def __init__(self, s: Stage, pattern: Any = None, name: str = "") -> None:
        self.stage = s
        self.events = s.backend.client("events")
        self.name = name or s.fresh("bus")
        if self.name != "default":
            self.events.create_event_bus(Name=self.name)
        self.rule = s.fresh("rule")
        self.events.put_rule(
            Name=self.rule, EventBusName=self.name, EventPattern=json.dumps(pattern or PATTERN)
        )

    def aim(self, arn: str, **settings: Any) -> Any:
        if ":sqs:" in arn:
            url = self.stage.json.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
            rule = self.events.describe_rule(Name=self.rule, EventBusName=self.name)["Arn"]
            self.stage.let_in("events", rule, url)
        target = {"Id": self.stage.fresh("target"), "Arn": arn, **settings}
        return self.events.put_targets(Rule=self.rule, EventBusName=self.name, Targets=[target])

    def put(self, detail: Any = None) -> Any:
        entry = {"Source": TYPE, "DetailType": TYPE, "Detail": json.dumps(detail or DETAIL)}
        return self.events.put_events(Entries=[{**entry, "EventBusName": self.name}])


def through(s: Stage, detail: Any = None, **settings: Any) -> Any:
    """The messages that a queue gets for one event."""
    url = s.queue()
    bus = Bus(s)
    bus.aim(s.arn(url), **settings)
    bus.put(detail)
    return s.receive(url)["Messages"]


@scenario(INPUTS, "test_put_events_with_input_path")
def the_detail_alone(s: Stage) -> None:
    s.match("message", through(s, InputPath="$.detail"))


@scenario(
    INPUTS,
    "test_put_events_with_input_path_nested[event_detail0]",
    "test_put_events_with_input_path_nested[event_detail1]",
)
def a_part_of_the_detail(s: Stage) -> None:
    nested = {"acc_id": "0a787ecb-4015", "payload": {"message": "baz", "id": "123"}}
    detail = DETAIL if s.case.endswith("0") else {**DETAIL, "payload": nested}
    s.match("message", through(s, detail, InputPath="$.detail.payload"))


PATHS = {"detail-type": "$.detail-type", "timestamp": "$.time", "command": "$.detail.command"}
SENTENCE = '"Event of <detail-type> type, at time <timestamp>, info extracted from detail <command>"'
OBJECT = '{"detailType": <detail-type>, "time": <timestamp>, "command": <command>}'


@scenario(
    INPUTS,
    "test_put_events_with_input_transformer_input_template_string",
    f"test_put_events_with_input_transformer_input_template_string[{SENTENCE}]",
    "test_put_events_with_input_transformer_input_template_json",
)
def a_template_with_and_without_its_values(s: Stage) -> None:
    template = OBJECT if s.name.endswith("json") else SENTENCE
    for key, paths in (
        ("custom-variables-match-all", PATHS),
        ("custom-variables-not-match-all", {**PATHS, "command": "$.detail.notinmessage"}),
    ):
        transformer = {"InputPathsMap": paths, "InputTemplate": template}
        s.match(key, _dated(through(s, InputTransformer=transformer)))


def _dated(messages: Any) -> Any:
    """Times as the recording has them."""
    now = "2026-01-01T00:00:00Z"
    return [{**message, "Body": message["Body"].replace(now, "date")} for message in messages]


@scenario(INPUTS, "test_put_events_with_input_transformer_missing_keys")
def a_placeholder_that_is_not_defined(s: Stage) -> None:
    bus = Bus(s)
    transformer = {
        "InputPathsMap": PATHS,
        "InputTemplate": '"Event of <detail-type> type, with not defined key <notdefinedkey>"',
    }
    refused = s.error(lambda: bus.aim(s.arn(s.queue()), InputTransformer=transformer))
    s.match("missing-key-exception-error", refused)


VARIABLES = {
    "userId": "$.detail.payload.acc_id",
    "payload": "$.detail.payload",
    "listsingle": "$.detail.listsingle",
    "listmulti": "$.detail.listmulti",
}
_NESTED = "test_input_transformer_nested_keys_replacement"
TEMPLATES = (
    '"<listmulti> multiple list items"',
    '"<listsingle> single list item"',
    '"Payload of <payload> with path users-service/users/<userId> and <userId>"',
    '{"id" : <userId>}',
    '{"method": "PUT", "nested": {"level1": {"level2": {"level3": "users-service/users/<userId>"} } }, '
    '"bod": "<userId>"}',
    '{"method": "PUT", "path": "users-service/users/<userId>", "bod": <payload>}',
    '{"method": "PUT", "path": "users-service/users/<userId>", "bod": [<userId>, "hardcoded"]}',
    '{"method": "PUT", "path": "users-service/users/<userId>", "id": <userId>, "body": <payload>}',
    '{"multi_replacement": "users/<userId>/second/<userId>"}',
    '{"singlelistitem": <listsingle>}',
)


@scenario(INPUTS, *(f"{_NESTED}[{template}]" for template in TEMPLATES))
def placeholders_anywhere(s: Stage) -> None:
    template = s.name[len(_NESTED) + 1 : -1]
    detail = {**DETAIL, "listsingle": ["HIGH"], "listmulti": ["ACTIVE", "INACTIVE"]}
    transformer = {"InputPathsMap": VARIABLES, "InputTemplate": template}
    s.match("input-transformed-messages", through(s, detail, InputTransformer=transformer))


PREDEFINED = (
    '"Message containing all pre defined variables <aws.events.rule-arn> <aws.events.rule-name> '
    '<aws.events.event.ingestion-time>"'
)


@scenario(INPUTS, f"test_input_transformer_predefined_variables[{PREDEFINED}]")
def what_every_template_knows(s: Stage) -> None:
    transformer = {"InputPathsMap": {}, "InputTemplate": PREDEFINED}
    s.match("messages", _dated(through(s, InputTransformer=transformer)))


@scenario(TARGETS, "test_put_events_with_target_sqs")
def to_a_queue(s: Stage) -> None:
    s.match("message", through(s))


@scenario(
    TARGETS,
    "test_put_events_with_target_events[bus_combination0]",
    "test_put_events_with_target_events[bus_combination1]",
)
def to_another_bus(s: Stage) -> None:
    first = Bus(s, name="default" if s.case.endswith("0") else "")
    second = Bus(s)
    url = s.queue()
    second.aim(s.arn(url))
    first.aim(f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{second.name}", RoleArn=ROLE)
    first.put()
    s.match("messages", s.receive(url)["Messages"])


@scenario(TARGETS, "test_put_events_with_target_kinesis")
def to_a_stream(s: Stage) -> None:
    kinesis = s.backend.client("kinesis")
    kinesis.create_stream(StreamName="events", ShardCount=1)
    s.wait(60)
    bus = Bus(s)
    arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/events"
    bus.aim(arn, RoleArn=ROLE, KinesisParameters={"PartitionKeyPath": "$.detail-type"})
    bus.put()
    s.settle()
    shard = kinesis.list_shards(StreamName="events")["Shards"][0]["ShardId"]
    at = kinesis.get_shard_iterator(StreamName="events", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    (record,) = kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]
    s.match("response", record["Data"].decode())


@scenario(TARGETS, "test_put_events_with_target_lambda_list_entry")
def to_a_function(s: Stage) -> None:
    made = functions.create(s, functions.ECHO)
    pattern = {
        "detail": {
            "payload": {
                "automations.id": [{"exists": True}],
                "targetEntity": [True],
                "channelId": [{"numeric": ["=", 6]}],
            }
        }
    }
    bus = Bus(s, pattern)
    s.backend.client("lambda").add_permission(
        FunctionName=made["FunctionName"], StatementId="rule", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{bus.name}/{bus.rule}",
    )  # fmt: skip
    bus.aim(made["FunctionArn"])
    settings = {"message": "", "recipientEmails": [], "subject": "", "type": "SEND_NOTIFICATION"}
    action = {"id": "321", "type": "SEND_NOTIFICATION", "settings": settings}
    bus.put({"payload": {
        "automations": [{"id": "123", "actions": [action]}], "businessId": 3, "card": {"foo": "bar"},
        "channelId": 6, "entityAuditTrailEvent": {"foo": "bar"}, "targetEntity": True, "userId": 10,
    }})  # fmt: skip
    s.match("events", functions.printed(s, made["FunctionName"]))


@scenario(TARGETS, "test_put_events_with_target_sns[domain]")
def to_a_topic(s: Stage) -> None:
    topic, url = s.topic(), s.queue()
    s.subscribe(topic, url)
    bus = Bus(s)
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
        "Resource": topic,
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s.sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    bus.aim(topic)
    bus.put()
    messages = s.receive(url)["Messages"]
    for message in messages:
        body = json.loads(message["Body"])
        event = json.loads(body["Message"])
        text = body["Message"].replace(event["id"], "message-id").replace(event["time"], "date")
        message["Body"] = json.dumps({**body, "Message": text})
    s.match("messages", messages)
