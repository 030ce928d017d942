"""What targets get: constants, parts of the event, filled templates."""

from __future__ import annotations

import json

import pytest

DETAIL = {"name": "Ann", "count": 2, "tags": ["a", "b"], "items": [{"id": 1}, {"id": 2}], "deep": {"x": None}}
PATHS = {
    "name": "$.detail.name", "count": "$.detail.count", "tags": "$.detail.tags", "deep": "$.detail.deep",
    "first": "$.detail.items[0].id", "ids": "$.detail.items[*].id", "none": "$.detail.nothing",
    "type": "$.detail-type", "res": "$.resources[0]",
}  # fmt: skip
TEMPLATES = [
    ('"<name> has <count>"', '"Ann has 2"'),
    ('"<tags> <deep> <ids>"', '"[a,b] {x:null} [1,2]"'),
    ('{"n": <name>, "c": <count>, "t": <tags>}', '{"n":"Ann","c":2,"t":["a","b"]}'),
    ('{"t": "<name>: <count>", "d": <deep>}', '{"t":"Ann: 2","d":{"x":null}}'),
    ('{"first": <first>, "ids": <ids>, "r": <res>}', '{"first":1,"ids":[1,2],"r":"arn:x"}'),
    ('{"gone": <none>, "quoted": "<none>!"}', '{"gone":"","quoted":"!"}'),
    ('"say \\"<name>\\""', '"say \\"Ann\\""'),
    ('{"said": "\\"<name>\\"", "n": <count>}', '{"said":"\\"Ann\\"","n":2}'),
    ('[<name>, <count>]', '["Ann",2]'),
    ("<deep>", '{"x":null}'),
    ('"<name>"\n"<count>"', '"Ann"\n"2"'),
    ('{"rule": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>}',
     '{"rule":"r","at":"2026-01-01T00:00:00Z"}'),
]  # fmt: skip


@pytest.mark.parametrize(("template", "text"), TEMPLATES)
def test_a_template_is_filled_as_aws_fills_it(estate, template, text):
    queue = estate.queue("q")
    transformer = {"InputPathsMap": PATHS, "InputTemplate": template}
    estate.rule("r", {"Arn": queue, "InputTransformer": transformer})
    estate.put(DETAIL, Resources=["arn:x"])
    assert estate.texts(queue) == [text]


def test_a_template_may_hold_the_event_with_and_without_its_detail(estate):
    queue = estate.queue("q")
    template = '{"brief": <aws.events.event>, "all": <aws.events.event.json>, "arn": <aws.events.rule-arn>}'
    arn = estate.rule("r", {"Arn": queue, "InputTransformer": {"InputTemplate": template}})
    estate.put(DETAIL)
    (body,) = estate.bodies(queue)
    assert body["all"]["detail"] == DETAIL
    assert body["brief"] == {name: value for name, value in body["all"].items() if name != "detail"}
    assert body["arn"] == arn


def test_a_filled_template_that_is_no_json_is_buried_without_retries(estate):
    queue, dead = estate.queue("q"), estate.queue("dead")
    transformer = {"InputPathsMap": {"text": "$.detail.text"}, "InputTemplate": '{"t": "<text>"}'}
    estate.rule("r", {"Arn": queue, "InputTransformer": transformer, "DeadLetterConfig": {"Arn": dead}})
    estate.put({"text": 'with "quotes"'})
    (message,) = estate.messages(dead)
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_JSON"
    assert json.loads(message["Body"])["detail"] == {"text": 'with "quotes"'}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"Input": '{"fixed": true}'}, '{"fixed": true}'),
        ({"InputPath": "$.detail.name"}, '"Ann"'),
        ({"InputPath": "$.detail.items[1]"}, '{"id":2}'),
        ({"InputPath": "$.detail.nothing"}, "null"),
    ],
)
def test_a_target_gets_a_constant_or_a_part(estate, settings, text):
    queue = estate.queue("q")
    estate.rule("r", {"Arn": queue, **settings})
    estate.put(DETAIL)
    assert estate.texts(queue) == [text]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"Input": "{}", "InputPath": "$.detail"}, "Only one of Input, InputPath, or InputTransformer"),
        ({"Input": "no json"}, "JSON syntax error in input for target 0"),
        ({"InputPath": "detail"}, "Invalid InputPath for target 0 : detail."),
        ({"InputTransformer": {"InputTemplate": '"<x>"'}}, "contains invalid placeholder x."),
        ({"InputTransformer": {"InputTemplate": "plain <aws.events.rule-name>"}}, "Invalid InputTemplate"),
        ({"InputTransformer": {"InputPathsMap": {"aws.x": "$.id"}, "InputTemplate": "1"}}, "key aws.x"),
        ({"InputTransformer": {"InputPathsMap": {"x": "id"}, "InputTemplate": "<x>"}}, "Invalid JSONPath"),
        ({"Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}, "RoleArn is required"),
        ({"Arn": "arn:aws:sqs:us-east-1:123456789012:q.fifo"}, "SqsParameters must be specified"),
        ({"Arn": "queue"}, "Provided Arn is not in correct format"),
        ({"Id": "not an id"}, "targets.1.member.id"),
    ],
)  # fmt: skip
def test_a_target_that_aws_refuses(estate, refused, settings, message):
    estate.rule("r")
    target = {"Id": "0", "Arn": estate.queue("q"), **settings}
    code, text = refused(estate.events.put_targets, Rule="r", Targets=[target])
    assert code == "ValidationException"
    assert message in text
