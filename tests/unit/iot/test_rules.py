"""Topic rules: which messages they take, what they make of them, what becomes of failures."""

from __future__ import annotations

import base64
import json

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::123456789012:role/rules"
READING = {"temperature": 31.5, "device": {"id": "a1", "tags": ["x", "y"]}, "ok": True, "none": None}


@pytest.mark.parametrize(
    ("pattern", "topic", "taken"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("+/+/c", "a/b/c", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("#", "a/b", True),
        ("#", "$aws/things/t/x", False),
        ("+/things/t/x", "$aws/things/t/x", False),
        ("$aws/things/+/x", "$aws/things/t/x", True),
    ],
)
def test_a_rule_takes_the_topics_of_its_filter(pattern, topic, taken, field):
    assert (field.heard(f"SELECT * FROM '{pattern}'", topic, {"n": 1}) == [{"n": 1}]) is taken


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("*", READING),
        ("temperature", {"temperature": 31.5}),
        ("device.id", {"id": "a1"}),
        ("device.id AS device, topic(2) AS place", {"device": "a1", "place": "b"}),
        ("*, topic() AS t", {**READING, "t": "a/b"}),
        ("timestamp() AS at", {"at": 1767225600000}),
        ("clientid() AS who", {"who": "N/A"}),
        ("missing, ok", {"ok": True}),
        ("temperature * 2 + 1 AS t", {"t": 64.0}),
        ("upper(device.id) AS u, concat('x', '-', 'y') AS c", {"u": "A1", "c": "x-y"}),
        ("device.tags[1] AS tag, get(device.tags, 0) AS first", {"tag": "y", "first": "x"}),
        ("cast(temperature AS String) AS s, round(temperature) AS r", {"s": "31.5", "r": 32}),
        ("CASE ok WHEN true THEN 'yes' ELSE 'no' END AS c", {"c": "yes"}),
        ("isUndefined(missing) AS m, isNull(none) AS n", {"m": True, "n": True}),
        ("{'t': temperature, 'all': [1, 'b']} AS o", {"o": {"t": 31.5, "all": [1, "b"]}}),
        ("temperature AS a.b", {"a": {"b": 31.5}}),
        ("VALUE device", READING["device"]),
    ],
)
def test_what_is_selected(fields, expected, field):
    assert field.heard(f"SELECT {fields} FROM 'a/b'", "a/b", READING) == [expected]


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("temperature > 30", True),
        ("temperature > 31.5", False),
        ("temperature >= 31.5 AND device.id = 'a1'", True),
        ("temperature > 50 OR ok = true", True),
        ("NOT ok", False),
        ("ok = true OR ok = true AND temperature < 0", True),
        ("device.id <> 'a1'", False),
        ("missing > 1", False),
        ("NOT missing", False),
        ("missing <> 1", False),
        ("startswith(device.id, 'a') AND (temperature < 0 OR temperature > 1)", True),
        ("regexp_matches(device.id, '^b')", False),
        ("topic(1) = 'a'", True),
    ],
)
def test_where(where, holds, field):
    found = field.heard(f"SELECT ok FROM 'a/#' WHERE {where}", "a/b", READING)
    assert found == ([{"ok": True}] if holds else [])


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT", "SqlParseException"),
        ("SELECT a FROM a/b", "SqlParseException"),
        ("SELECT nothing_like_it(a) FROM 'a'", "SqlParseException"),
        ("SELECT a FROM 'a/#/b'", "SqlParseException"),
        ("SELECT a FROM 'a' WHERE", "SqlParseException"),
        ("SELECT aws_lambda('x', a) AS b FROM 'a'", "NotImplemented"),
        ("SELECT a FROM 'a' WHERE b IN [1]", "NotImplemented"),
    ],
)
def test_a_statement_that_cannot_run_is_refused_when_it_is_made(sql, code, field):
    with pytest.raises(ClientError) as caught:
        field.rule(sql, field.to("https://sqs.us-east-1.amazonaws.com/123456789012/q"))
    assert caught.value.response["Error"]["Code"] == code


def test_an_action_that_is_not_emulated_is_refused_by_name(field):
    action = {"stepFunctions": {"stateMachineName": "m", "roleArn": ROLE}}
    with pytest.raises(ClientError, match="stepFunctions"):
        field.rule("SELECT * FROM 'a'", action)


def test_items_objects_topics_and_streams_get_the_message(field):
    client = field.backend.client
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    kinds = [{"AttributeName": "id", "AttributeType": "S"}]
    for table in ("whole", "parts"):
        client("dynamodb").create_table(
            TableName=table, KeySchema=keys, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST"
        )
    client("s3").create_bucket(Bucket="readings")
    topic = client("sns").create_topic(Name="t")["TopicArn"]
    told = field.queue("told")
    arn = "arn:aws:sqs:us-east-1:123456789012:told"
    raw = {"RawMessageDelivery": "true"}
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    field.rule(
        "SELECT id, n FROM 'a/+'",
        {"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "parts"}}},
        {"dynamoDB": {"roleArn": ROLE, "tableName": "whole", "hashKeyField": "id", "payloadField": "body",
                      "hashKeyValue": "${topic(2)}"}},
        {"s3": {"roleArn": ROLE, "bucketName": "readings", "key": "${topic(2)}/${timestamp()}.json"}},
        {"sns": {"roleArn": ROLE, "targetArn": topic}},
        {"republish": {"roleArn": ROLE, "topic": "again/${id}"}},
    )  # fmt: skip
    queue = field.queue("again")
    field.rule("SELECT *, topic() AS t FROM 'again/#'", field.to(queue), name="second")
    field.publish("a/x", {"id": "one", "n": 2, "rest": 3})
    body = '{"id":"one","n":2}'
    items = {name: client("dynamodb").scan(TableName=name)["Items"] for name in ("whole", "parts")}
    assert items["parts"] == [{"id": {"S": "one"}, "n": {"N": "2"}}]
    assert items["whole"] == [{"id": {"S": "x"}, "body": {"S": body}}]
    stored = client("s3").get_object(Bucket="readings", Key="x/1767225600000.json")["Body"].read()
    assert stored.decode() == body
    assert field.taken(told) == [body]
    assert json.loads(field.taken(queue)[0]) == {"id": "one", "n": 2, "t": "again/one"}


def test_a_failed_action_hands_the_message_to_the_error_action_and_the_others_go_on(field):
    good, bad = field.queue("good"), field.queue("bad")
    missing = good.replace("good", "missing")
    field.rule("SELECT * FROM 'a'", field.to(missing), field.to(good), errorAction=field.to(bad))
    field.publish("a", {"n": 1})
    assert field.taken(good) == ['{"n": 1}']
    (failure,) = [json.loads(body) for body in field.taken(bad)]
    assert (failure["ruleName"], failure["topic"]) == ("r", "a")
    assert base64.b64decode(failure["base64OriginalPayload"]) == b'{"n": 1}'
    assert failure["failures"][0]["failedAction"] == "SqsAction"
    assert failure["failures"][0]["failedResource"] == missing


def test_a_disabled_rule_rests_and_a_deleted_one_is_gone(field):
    queue = field.queue("q")
    field.rule("SELECT * FROM 'a'", field.to(queue))
    field.iot.disable_topic_rule(ruleName="r")
    field.publish("a", 1)
    assert field.taken(queue) == []
    field.iot.enable_topic_rule(ruleName="r")
    field.publish("a", 2)
    assert field.taken(queue) == ["2"]
    field.iot.delete_topic_rule(ruleName="r")
    field.publish("a", 3)
    assert field.taken(queue) == []


def test_basic_ingest_reaches_one_rule_only(field):
    one, other = field.queue("one"), field.queue("other")
    field.rule("SELECT *, topic() AS t FROM 'x'", field.to(one))
    field.rule("SELECT * FROM '#'", field.to(other), name="all")
    field.publish("$aws/rules/r/y/z", {"n": 1})
    assert json.loads(field.taken(one)[0]) == {"n": 1, "t": "y/z"}
    assert field.taken(other) == []


def test_retained_messages_stay_until_an_empty_one_comes(field):
    field.publish("a/b", {"n": 1}, retain=True, qos=1)
    assert [one["topic"] for one in field.data.list_retained_messages()["retainedTopics"]] == ["a/b"]
    kept = field.data.get_retained_message(topic="a/b")
    assert (kept["payload"], kept["qos"]) == (b'{"n": 1}', 1)
    field.publish("a/b", b"", retain=True)
    with pytest.raises(ClientError, match="retained"):
        field.data.get_retained_message(topic="a/b")


@pytest.mark.parametrize("topic", ["a/+", "#", "a/b/c/d/e/f/g/h/i", "x" * 257])
def test_topics_that_nobody_may_publish_to(topic, field):
    with pytest.raises(ClientError):
        field.publish(topic, 1)


def test_rules_and_shadows_are_taken_back_with_the_world(field):
    queue = field.queue("q")
    before = field.world.snapshot()
    field.rule("SELECT * FROM 'a'", field.to(queue))
    field.data.update_thing_shadow(thingName="t", payload=b'{"state": {"desired": {"n": 1}}}')
    field.world.run_until_idle()
    field.world.restore(before)
    field.publish("a", 1)
    assert field.taken(queue) == []
    with pytest.raises(ClientError):
        field.data.get_thing_shadow(thingName="t")
