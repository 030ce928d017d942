"""Log groups that are listened to: subscriptions, metric filters, what is taken in and what is read."""

from __future__ import annotations

from typing import Any

import pytest

GROUP = "/app"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/lines"
ROLE = "arn:aws:iam::123456789012:role/logs"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def test_a_function_gets_what_matches_compressed(group: Any) -> None:
    group.subscribe(group.function(), "ERROR")
    group.put("ERROR 1", "fine", "ERROR 2")
    group.put("fine")
    (message,) = group.heard()
    assert (message["messageType"], message["owner"]) == ("DATA_MESSAGE", "123456789012")
    assert (message["logGroup"], message["logStream"]) == (GROUP, "one")
    assert message["subscriptionFilters"] == ["s"]
    assert [one["message"] for one in message["logEvents"]] == ["ERROR 1", "ERROR 2"]
    assert {len(one["id"]) for one in message["logEvents"]} == {56}
    assert len({one["id"] for one in message["logEvents"]}) == 2


def test_columns_come_along_with_their_values(group: Any) -> None:
    group.subscribe(group.function(), "[ip, status = 4*]")
    group.put("10.0.0.1 404", "10.0.0.1 200")
    ((event,),) = (one["logEvents"] for one in group.heard())
    assert event["extractedFields"] == {"ip": "10.0.0.1", "status": "404"}


def test_lines_of_a_function_reach_a_function_by_themselves(group: Any) -> None:
    talker = "def handler(event, context):\n    print('[gc pause')\n    print('[GC pause')\n"
    group.function("talker", talker, principal="")
    group.logs.create_log_group(logGroupName="/aws/lambda/talker")
    arn = group.function(principal="")
    group.functions.add_permission(
        FunctionName="f",
        StatementId="2",
        Action="lambda:InvokeFunction",
        Principal="logs.us-east-1.amazonaws.com",
    )
    group.logs.put_subscription_filter(
        logGroupName="/aws/lambda/talker", filterName="gc", filterPattern='"[gc"', destinationArn=arn
    )
    group.functions.invoke(FunctionName="talker", InvocationType="Event", Payload=b"{}")
    group.world.run_until_idle()
    group.payloads.pop(0)
    assert group.messages() == ["[gc pause\n"]


def test_a_group_has_two_filters_and_no_third(group: Any, refused: Any) -> None:
    arn = group.function()
    group.subscribe(arn, "a", "first")
    group.subscribe(arn, "b", "second")
    assert refused(group.subscribe, arn=arn, name="third") == (
        "LimitExceededException",
        "Resource limit exceeded.",
    )
    group.subscribe(arn, "c", "second")
    group.put("a", "b", "c")
    assert group.messages() == ["a", "c"]
    group.logs.delete_subscription_filter(logGroupName=GROUP, filterName="first")
    group.put("a")
    assert group.messages() == ["a", "c"]
    filters = group.logs.describe_subscription_filters(logGroupName=GROUP)["subscriptionFilters"]
    assert [(one["filterName"], one["filterPattern"]) for one in filters] == [("second", "c")]


@pytest.mark.parametrize(
    ("destination", "role", "message"),
    [
        (FUNCTION, "", "Could not execute the lambda function"),
        (FUNCTION, ROLE, "cannot be used with roleArn"),
        (STREAM, "", "cannot be used without roleArn"),
        (STREAM, ROLE, "Could not deliver test message to specified Kinesis stream"),
        ("arn:aws:sqs:us-east-1:123456789012:q", "", "Invalid ARN"),
        ("arn:aws:logs:us-east-1:123456789012:destination:none", ROLE, "specified destination"),
    ],
)
def test_a_destination_that_cannot_be_reached_is_refused(
    destination: str, role: str, message: str, group: Any, refused: Any
) -> None:
    more = {"roleArn": role} if role else {}
    code, text = refused(group.subscribe, arn=destination, **more)
    assert code == "InvalidParameterException"
    assert message in text


@pytest.mark.parametrize("principal", ["", "events.amazonaws.com", "logs.eu-west-1.amazonaws.com"])
def test_a_function_must_let_the_logs_in(principal: str, group: Any, refused: Any) -> None:
    arn = group.function(principal=principal)
    assert "permission" in refused(group.subscribe, arn=arn)[1]


def test_a_permission_taken_away_later_stands_in_the_journal(group: Any) -> None:
    group.subscribe(group.function())
    group.functions.remove_permission(FunctionName="f", StatementId="1")
    group.put("lost")
    assert group.heard() == []
    (failure,) = group.world.journal.entries(verb="logs.DeliveryFailed")
    assert "does not let" in failure.result


def test_a_pattern_that_is_none_is_refused_wherever_it_stands(group: Any, refused: Any) -> None:
    arn = group.function()
    for call, params in (
        (group.subscribe, {"arn": arn, "pattern": "{"}),
        (group.found, {"pattern": "a.b"}),
        (group.logs.test_metric_filter, {"filterPattern": "[", "logEventMessages": ["x"]}),
    ):
        code, text = refused(call, **params)
        assert code == "InvalidParameterException"
        assert "Invalid filter pattern" in text


def test_a_stream_gets_a_control_message_first(group: Any, backend: Any) -> None:
    import gzip
    import json

    kinesis = backend.client("kinesis")
    kinesis.create_stream(StreamName="lines", ShardCount=1)
    group.world.run_until_idle()
    group.subscribe(STREAM, "x", roleArn=ROLE)
    group.put("x", "y")
    group.world.run_until_idle()
    shard = kinesis.list_shards(StreamName="lines")["Shards"][0]["ShardId"]
    iterator = kinesis.get_shard_iterator(StreamName="lines", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    bodies = [json.loads(gzip.decompress(one["Data"])) for one in records]
    assert [one["messageType"] for one in bodies] == ["CONTROL_MESSAGE", "DATA_MESSAGE"]
    assert [one["message"] for one in bodies[1]["logEvents"]] == ["x"]
    assert records[1]["PartitionKey"] == "one"


# Taking in.


def test_events_out_of_time_are_rejected_one_by_one(group: Any) -> None:
    hour = 3600
    group.logs.put_retention_policy(logGroupName=GROUP, retentionInDays=7)
    assert group.put("expired", ago=8 * 24 * hour)["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    group.logs.delete_retention_policy(logGroupName=GROUP)
    assert group.put("old", ago=15 * 24 * hour)["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    now = group.world.clock.ms
    events = [{"timestamp": now + ms, "message": str(ms)} for ms in (0, 2 * hour * 1000, 2 * hour * 1000 + 1)]
    answer = group.logs.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 2}
    assert group.found() == ["0", "7200000"]


WRONG = {
    "out of order": ([10, 5], "chronological"),
    "more than a day": ([0, 86_400_001], "24 hours"),
}


@pytest.mark.parametrize(("times", "message"), WRONG.values(), ids=WRONG)
def test_a_request_that_breaks_a_rule_is_refused_whole(
    times: list[int], message: str, group: Any, refused: Any
) -> None:
    first = group.world.clock.ms - 2 * 86_400_000
    events = [{"timestamp": first + ms, "message": "x"} for ms in times]
    params = {"logGroupName": GROUP, "logStreamName": "one", "logEvents": events}
    code, text = refused(group.logs.put_log_events, **params)
    assert code == "InvalidParameterException"
    assert message in text
    assert group.found() == []


def test_a_request_holds_a_megabyte_and_ten_thousand_events(group: Any, refused: Any) -> None:
    room = 1_048_576 - 26
    assert "too large" in refused(lambda: group.put("x" * (room + 1)))[1]
    group.put("x" * room)
    assert "10000" in refused(lambda: group.put(*["x"] * 10_001))[1]


def test_nothing_is_written_where_there_is_no_stream(group: Any, refused: Any) -> None:
    missing = ("ResourceNotFoundException", "The specified log stream does not exist.")
    assert refused(lambda: group.put("x", stream="none")) == missing
    assert refused(lambda: group.put("old", stream="none", ago=15 * 86_400)) == missing


# Reading.


def test_reading_looks_for_patterns_and_gives_pages(group: Any) -> None:
    group.put(*[f"line {number}" for number in range(25)])
    assert group.found('"line 1"') == ["line 1", *[f"line {number}" for number in range(10, 20)]]
    pages, token = [], {}
    while True:
        answer = group.logs.filter_log_events(logGroupName=GROUP, limit=10, **token)
        pages.append([one["message"] for one in answer["events"]])
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [one for page in pages for one in page] == [f"line {number}" for number in range(25)]


def test_streams_are_read_by_name_and_by_prefix(group: Any) -> None:
    group.logs.create_log_stream(logGroupName=GROUP, logStreamName="other")
    group.put("a")
    group.put("b", stream="other")
    assert group.found(logStreamNames=["other"]) == ["b"]
    assert group.found(logStreamNamePrefix="on") == ["a"]
    assert group.found() == ["a", "b"]


def test_a_group_forgets_what_it_need_not_keep(group: Any) -> None:
    group.put("early")
    group.logs.put_retention_policy(logGroupName=GROUP, retentionInDays=1)
    group.world.advance(12 * 3600)
    group.put("late")
    assert group.found() == ["early", "late"]
    group.world.advance(12 * 3600 + 1)
    assert group.found() == ["late"]
    answer = group.logs.get_log_events(logGroupName=GROUP, logStreamName="one")
    assert [one["message"] for one in answer["events"]] == ["late"]


# Metrics.


class Metrics:
    """What is published, instead of CloudWatch."""

    def __init__(self, group: Any) -> None:
        self.data: list[Any] = []

        def watch(service: str, operation: str, params: Any, caller: Any) -> None:
            if operation == "PutMetricData":
                self.data += [{**one, "Namespace": params["Namespace"]} for one in params["MetricData"]]

        group.world.guards.append(watch)

    def values(self, name: str = "m") -> list[float]:
        return [one["Value"] for one in self.data if one["MetricName"] == name]


def metric(group: Any, pattern: str, value: str = "1", **more: Any) -> None:
    wanted = {"metricName": "m", "metricNamespace": "App", "metricValue": value, **more}
    group.logs.put_metric_filter(
        logGroupName=GROUP, filterName="f", filterPattern=pattern, metricTransformations=[wanted]
    )


def test_matches_are_counted_and_the_rest_has_a_default(group: Any) -> None:
    metrics = Metrics(group)
    metric(group, "ERROR", defaultValue=0)
    group.put("ERROR", "fine", "ERROR again")
    assert metrics.values() == [1, 0, 1]
    assert {one["Namespace"] for one in metrics.data} == {"App"}
    metric(group, "ERROR")
    group.put("fine")
    assert metrics.values() == [1, 0, 1]


@pytest.mark.parametrize(
    ("pattern", "value"), [("{ $.latency = * }", "$.latency"), ("[..., time > 0]", "$time")]
)
def test_numbers_are_taken_out_of_events(pattern: str, value: str, group: Any) -> None:
    metrics = Metrics(group)
    metric(group, pattern, value, unit="Milliseconds")
    group.put('{"latency": 50}', "took 12.5", '{"latency": "much"}', "took long")
    assert metrics.values() == ([50] if value == "$.latency" else [12.5])
    assert {one["Unit"] for one in metrics.data} == {"Milliseconds"}


def test_dimensions_are_values_of_the_event(group: Any, refused: Any) -> None:
    metrics = Metrics(group)
    metric(group, "{ $.code = 5* }", dimensions={"Path": "$.path"})
    group.put('{"code": 500, "path": "/a"}', '{"code": 503}')
    assert [one["Dimensions"] for one in metrics.data] == [[{"Name": "Path", "Value": "/a"}]]
    with_both = {"group": group, "pattern": "x", "dimensions": {"Path": "$.path"}, "defaultValue": 0}
    assert "mutually exclusive" in refused(metric, **with_both)[1]


def test_metric_filters_are_listed_and_forgotten(group: Any, refused: Any) -> None:
    metric(group, "x")
    assert group.logs.describe_log_groups()["logGroups"][0]["metricFilterCount"] == 1
    found = group.logs.describe_metric_filters(metricName="m", metricNamespace="App")["metricFilters"]
    assert [one["filterName"] for one in found] == ["f"]
    assert group.logs.describe_metric_filters(filterNamePrefix="g")["metricFilters"] == []
    group.logs.delete_metric_filter(logGroupName=GROUP, filterName="f")
    assert group.logs.describe_metric_filters()["metricFilters"] == []
    params = {"logGroupName": GROUP, "filterName": "f"}
    assert refused(group.logs.delete_metric_filter, **params)[0] == "ResourceNotFoundException"


def test_a_pattern_can_be_tried(group: Any) -> None:
    answer = group.logs.test_metric_filter(
        filterPattern="{ $.n > 1 }", logEventMessages=['{"n": 1}', "no", '{"n": 2}']
    )
    (match,) = answer["matches"]
    assert (match["eventNumber"], match["extractedValues"]) == (3, {"$.n": "2"})


def test_filters_go_with_the_group_and_come_back_with_the_world(group: Any) -> None:
    metrics = Metrics(group)
    group.subscribe(group.function(), "ERROR")
    metric(group, "ERROR")
    start = group.world.snapshot()
    group.logs.delete_log_group(logGroupName=GROUP)
    group.logs.create_log_group(logGroupName=GROUP)
    group.logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    group.put("ERROR")
    assert (group.heard(), metrics.values()) == ([], [])
    group.world.restore(start)
    group.put("ERROR")
    assert (group.messages(), metrics.values()) == (["ERROR"], [1])
