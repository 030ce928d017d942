"""Metrics: what is put is read, what services do is measured, what breaks a limit is refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

QUEUE = [{"Name": "QueueName", "Value": "q"}]


def test_statistics_of_values_counts_and_sets(watch):
    watch.aws.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {"MetricName": "m", "Values": [1, 10], "Counts": [3, 1]},
            {"MetricName": "m", "StatisticValues": {"SampleCount": 2, "Sum": 9, "Minimum": 4, "Maximum": 5}},
        ],
    )
    (point,) = watch.read("SampleCount", "Sum", "Minimum", "Maximum", "Average")
    assert [point[name] for name in ("SampleCount", "Sum", "Minimum", "Maximum")] == [6, 22, 1, 10]
    assert point["Average"] == pytest.approx(22 / 6)


@pytest.mark.parametrize(
    ("statistic", "expected"), [("p50", 5), ("p90", 9), ("p99.9", 10), ("tm90", 5), ("TC(10%:90%)", 8)]
)
def test_percentiles(statistic, expected, watch):
    for value in range(1, 11):
        watch.put(value)
    (point,) = watch.read(statistic)
    assert point["ExtendedStatistics"][statistic] == pytest.approx(expected)


def test_a_statistic_set_has_no_percentiles(watch):
    sets = {"SampleCount": 2, "Sum": 9, "Minimum": 4, "Maximum": 5}
    watch.aws.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "m", "StatisticValues": sets}])
    assert "ExtendedStatistics" not in watch.read("p50")[0]


def test_periods_units_and_dimensions_are_kept_apart(watch):
    watch.put(1, Unit="Seconds")
    watch.put(2, Unit="Count")
    watch.put(4, Dimensions=[{"Name": "a", "Value": "b"}])
    watch.world.advance(60)
    watch.put(8, Unit="Count")
    assert sorted(point["Sum"] for point in watch.read("Sum", Unit="Count")) == [2, 8]
    assert [point["Sum"] for point in watch.read("Sum", Unit="Count", period=7200)] == [10]
    assert [point["Sum"] for point in watch.read("Sum", Dimensions=[{"Name": "a", "Value": "b"}])] == [4]


def test_high_resolution(watch):
    for value in (1, 2, 3):
        watch.put(value, StorageResolution=1)
        watch.world.advance(10)
    assert [point["Sum"] for point in watch.read("Sum", period=10)] == [1, 2, 3]
    assert [point["Sum"] for point in watch.read("Sum")] == [6]


@pytest.mark.parametrize(
    ("datum", "code"),
    [
        ({"Value": float("nan")}, "InvalidParameterValue"),
        ({"Value": 1, "Values": [1]}, "InvalidParameterCombination"),
        ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterValue"),
        ({"Values": [1] * 151}, "InvalidParameterValue"),
        ({"Value": 1, "StorageResolution": 5}, "InvalidParameterValue"),
        ({}, "InvalidParameterCombination"),
        ({"Value": 1, "Timestamp": 1767225600 - 15 * 86400}, "InvalidParameterValue"),
        ({"Value": 1, "Timestamp": 1767225600 + 3 * 3600}, "InvalidParameterValue"),
    ],
)
def test_what_is_no_datum_is_refused_and_nothing_of_its_request_is_taken(datum, code, watch):
    with pytest.raises(ClientError) as caught:
        watch.aws.put_metric_data(
            Namespace="Shop", MetricData=[{"MetricName": "m", "Value": 1}, {"MetricName": "m", **datum}]
        )
    assert caught.value.response["Error"]["Code"] == code
    assert watch.read("Sum") == []


def test_nobody_writes_into_the_namespaces_of_aws(watch):
    with pytest.raises(ClientError, match="Namespace"):
        watch.aws.put_metric_data(Namespace="AWS/SQS", MetricData=[{"MetricName": "m", "Value": 1}])


def test_the_depth_of_a_queue_minute_by_minute(watch):
    url = watch.sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "90"})["QueueUrl"]
    for number in range(3):
        watch.sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=100 if number == 2 else 0)
    watch.sqs.receive_message(QueueUrl=url)
    watch.world.advance(5 * 60)

    def depths(name):
        return [point["Maximum"] for point in watch.read("Maximum", name=name, namespace="AWS/SQS",
                                                         Dimensions=QUEUE)]  # fmt: skip

    assert depths("ApproximateNumberOfMessagesVisible") == [1, 3, 3, 3, 3]
    assert depths("ApproximateNumberOfMessagesNotVisible") == [1, 0, 0, 0, 0]
    assert depths("ApproximateNumberOfMessagesDelayed") == [1, 0, 0, 0, 0]
    assert depths("ApproximateAgeOfOldestMessage") == [60, 120, 180, 240, 300]


def test_a_queue_that_nobody_uses_is_silent_after_six_hours(watch):
    watch.sqs.create_queue(QueueName="q")
    watch.world.advance(5 * 3600)
    more = {"name": "ApproximateNumberOfMessagesVisible", "namespace": "AWS/SQS", "Dimensions": QUEUE}
    assert len(watch.read("Maximum", **more)) == 60
    watch.world.advance(3 * 3600)
    assert watch.read("Maximum", **more) == []


def test_calls_of_a_queue_are_counted(watch):
    url = watch.sqs.create_queue(QueueName="q")["QueueUrl"]
    for _ in range(3):
        watch.sqs.send_message(QueueUrl=url, MessageBody="x")
    for _ in range(4):
        for message in watch.sqs.receive_message(QueueUrl=url).get("Messages", []):
            watch.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    names = ("NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted",
             "NumberOfEmptyReceives")  # fmt: skip
    counts = [watch.read("Sum", name=name, namespace="AWS/SQS", Dimensions=QUEUE)[0]["Sum"] for name in names]
    assert counts == [3, 3, 3, 1]


def test_metrics_are_listed_by_what_is_known_of_them(watch):
    watch.put(1, Dimensions=[{"Name": "a", "Value": "b"}])
    watch.put(1, name="n")
    watch.sqs.create_queue(QueueName="q")

    def names(**given):
        return sorted(one["MetricName"] for one in watch.aws.list_metrics(**given)["Metrics"])

    assert names(Namespace="Shop") == ["m", "n"]
    assert names(Dimensions=[{"Name": "a"}]) == ["m"]
    assert names(MetricName="ApproximateAgeOfOldestMessage") == ["ApproximateAgeOfOldestMessage"]


def test_log_lines_in_the_embedded_format_become_metrics(watch):
    directive = {
        "Namespace": "Shop",
        "Dimensions": [["kind"]],
        "Metrics": [{"Name": "sold", "Unit": "Count"}],
    }
    about = {"Timestamp": watch.world.clock.ms, "CloudWatchMetrics": [directive]}
    meters = watch.world.meters
    good = {"_aws": about, "kind": "tea", "sold": [1, 2], "other": 1}
    for document in (good, {**good, "sold": "many"}, {"_aws": "else"}):
        meters.line("123456789012", "us-east-1", "/aws/lambda/f", watch.world.clock.ms, json.dumps(document))
    meters.line("123456789012", "us-east-1", "/aws/lambda/f", watch.world.clock.ms, 'no JSON with "_aws"')
    (point,) = watch.read("Sum", "SampleCount", name="sold", Dimensions=[{"Name": "kind", "Value": "tea"}])
    assert (point["Sum"], point["SampleCount"], point["Unit"]) == (3, 2, "Count")
    assert len(watch.world.journal.entries(verb="cloudwatch.EmbeddedMetricInvalid")) == 1


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + b * 2", [21, 44]),
        ("(a + b) * 2", [22, 48]),
        ("a / b", [0.1, 0.2]),
        ("-a", [-1, -4, -5]),
        ("a ^ 2", [1, 16, 25]),
        ("a > 1 AND a < 5", [0, 1, 0]),
        ("a == 1 || a == 5", [1, 0, 1]),
        ("IF(a > 1, a, 0)", [0, 4, 5]),
        ("IF(a > 1, b)", [20]),
        ("SUM(METRICS())", [11, 24, 5]),
        ("MAX([a, b])", [10, 20, 5]),
        ("a - AVG(a)", [1 - 10 / 3, 4 - 10 / 3, 5 - 10 / 3]),
        ("DIFF(a)", [3, 1]),
        ("RATE(a)", [3 / 60, 1 / 60]),
        ("RUNNING_SUM(a)", [1, 5, 10]),
        ("CEIL(a / 2)", [1, 2, 3]),
        ("ABS(a - 4)", [3, 0, 1]),
        ("a / 0", []),
        ("a * PERIOD(a)", [60, 240, 300]),
    ],
)
def test_metric_math(expression, expected, watch):
    for one, other in ((1, 10), (4, 20), (5, None)):
        watch.put(one)
        if other is not None:
            watch.put(other, name="n")
        watch.world.advance(60)
    assert watch.math(expression, a="m", b="n")["e"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("filler", "expected"),
    [("0", [0] * 7 + [1, 0, 3]), ("REPEAT", [1, 1, 3]), ("LINEAR", [1, 2, 3])],
)
def test_fill(filler, expected, watch):
    watch.world.advance(600)
    for value in (1, None, 3):
        if value is not None:
            watch.put(value)
        watch.world.advance(60)
    assert watch.math(f"FILL(a, {filler})", a="m")["e"] == expected


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("a +", "ValidationError"),
        ("a b", "ValidationError"),
        ("1 + 1", "ValidationError"),
        ("nobody + 1", "ValidationError"),
        ("e + 1", "ValidationError"),
        ("ANOMALY_DETECTION_BAND(a)", "NotImplemented"),
        ("SEARCH('{Shop} x', 'Sum')", "NotImplemented"),
    ],
)
def test_math_that_cannot_be_done_is_refused(expression, code, watch):
    watch.world.advance(600)
    with pytest.raises(ClientError) as caught:
        watch.math(expression, a="m")
    assert caught.value.response["Error"]["Code"] == code


def test_too_many_datapoints_at_once_are_refused(watch):
    now = watch.world.clock.datetime()
    with pytest.raises(ClientError, match="1440"):
        watch.aws.get_metric_statistics(
            Namespace="Shop", MetricName="m", StartTime=now - timedelta(days=3), EndTime=now, Period=60,
            Statistics=["Sum"],
        )  # fmt: skip


CODE = """
import json
def handler(event, context):
    if event.get("fail"):
        raise RuntimeError("failed")
    if event.get("sold"):
        directive = {"Namespace": "Shop", "Dimensions": [[]], "Metrics": [{"Name": "sold"}]}
        about = {"Timestamp": event["at"], "CloudWatchMetrics": [directive]}
        print(json.dumps({"_aws": about, "sold": event["sold"]}))
"""


@pytest.fixture
def function(watch, tmp_path):
    """A function ``f`` that fails when it is told to."""
    (tmp_path / "app.py").write_text(CODE)
    watch.world.service("lambda").register_code("f", tmp_path)
    client = watch.backend.client("lambda")
    client.create_function(
        FunctionName="f", Runtime="python3.12", Handler="app.handler", Code={"ZipFile": b"-"},
        Role="arn:aws:iam::123456789012:role/r",
    )  # fmt: skip
    return client


def test_invocations_of_a_function(watch, function):
    for payload in (b"{}", b"{}", b'{"fail": true}'):
        function.invoke(FunctionName="f", Payload=payload)
    function.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError):
        function.invoke(FunctionName="f")

    def total(name, statistic="Sum", pairs=(("FunctionName", "f"),)):
        wanted = [{"Name": key, "Value": value} for key, value in pairs]
        (point,) = watch.read(statistic, name=name, namespace="AWS/Lambda", Dimensions=wanted)
        return point[statistic]

    assert [total(name) for name in ("Invocations", "Errors", "Throttles")] == [3, 1, 1]
    assert total("Errors", "Average") == pytest.approx(1 / 3)
    assert total("ConcurrentExecutions", "Maximum") == 1
    assert total("Invocations", pairs=()) == 3, "of all functions"


def test_rules_topics_and_their_failures(watch, function):
    events, sns = watch.backend.client("events"), watch.backend.client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "f", "Arn": arn}])
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    function.add_permission(
        FunctionName="f", StatementId="sns", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    events.put_events(Entries=[{"Source": "shop", "DetailType": "x", "Detail": "{}"}])
    sns.publish(TopicArn=topic, Message="m")
    watch.world.run_until_idle()
    sums = {
        (one["Namespace"], one["MetricName"]): sum(
            point["Sum"] for point in watch.read("Sum", name=one["MetricName"], namespace=one["Namespace"],
                                                 Dimensions=one["Dimensions"], period=86400)
        )
        for one in watch.aws.list_metrics()["Metrics"] if one["Dimensions"]
    }  # fmt: skip
    assert sums["AWS/Events", "TriggeredRules"] == 1
    assert sums["AWS/Events", "FailedInvocations"] == 1, "nothing lets the rule in"
    assert sums["AWS/SNS", "NumberOfMessagesPublished"] == 1
    assert sums["AWS/SNS", "NumberOfNotificationsDelivered"] == 1
    assert sums["AWS/Lambda", "Invocations"] == 1


def test_what_a_function_prints_in_the_embedded_format_is_a_metric(watch, function):
    payload = json.dumps({"sold": 7, "at": watch.world.clock.ms}).encode()
    function.invoke(FunctionName="f", Payload=payload)
    assert [point["Sum"] for point in watch.read("Sum", name="sold")] == [7]


def test_requests_of_an_api_are_counted(watch):
    client = watch.backend.client("apigateway")
    api = client.create_rest_api(name="shop")["id"]
    (root,) = client.get_resources(restApiId=api)["items"]
    place = {"restApiId": api, "resourceId": root["id"], "httpMethod": "GET"}
    client.put_method(**place, authorizationType="NONE")
    client.put_integration(**place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    client.put_integration_response(**place, statusCode="200")
    client.create_deployment(restApiId=api, stageName="live")
    base = f"https://{api}.execute-api.us-east-1.amazonaws.com/live"
    for path in ("/", "/", "/nowhere"):
        watch.world.http.request("GET", base + path)
    stage = [{"Name": "ApiName", "Value": "shop"}, {"Name": "Stage", "Value": "live"}]
    sums = [
        watch.read("Sum", name=name, namespace="AWS/ApiGateway", Dimensions=stage)[0]["Sum"]
        for name in ("Count", "4XXError", "5XXError")
    ]
    assert sums == [3, 1, 0]
