"""Alarms: the states by their datapoints, and what a change of state sets off."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from stackproof.fabric.cloudwatch.evaluation import state_of

TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
A, K, N, KEEP = "ALARM", "OK", "INSUFFICIENT_DATA", None

PUBLISHED = [  # The two tables of the user guide, "How alarm state is evaluated when data is missing".
    (3, "0 - X - X", (K, K, K, K)),
    (3, "0 - - - -", (K, K, K, K)),
    (3, "- - - - -", (N, KEEP, A, K)),
    (3, "0 X X - X", (A, A, A, A)),
    (3, "- - X - -", (A, KEEP, A, K)),
    (2, "0 - X - X", (A, A, A, A)),
    (2, "0 0 X 0 X", (A, A, A, A)),
    (2, "0 - X - -", (K, K, A, K)),
    (2, "- - - - 0", (K, K, A, K)),
    (2, "- - - X -", (A, KEEP, A, K)),
    (3, "- - - - X", (KEEP, KEEP, A, K)),
    (3, "- - - X -", (KEEP, KEEP, A, K)),
]


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize(("needed", "points", "states"), PUBLISHED)
def test_missing_datapoints_as_the_guide_has_them(needed, points, states, treatment):
    values = [{"0": False, "X": True, "-": None}[one] for one in points.split()]
    assert state_of(values, needed, 3, treatment) == states[TREATMENTS.index(treatment)]


@pytest.mark.parametrize(
    ("operator", "states"),
    [
        ("GreaterThanThreshold", [K, K, A]),
        ("GreaterThanOrEqualToThreshold", [K, A, A]),
        ("LessThanThreshold", [A, K, K]),
        ("LessThanOrEqualToThreshold", [A, A, K]),
    ],
)
def test_comparisons(operator, states, watch):
    watch.alarm(ComparisonOperator=operator)
    assert watch.minute(4, 5, 6) == states


def test_m_of_n(watch):
    watch.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    assert watch.minute(9, 1, 9, 1, 1) == [N, K, A, K, K]


def test_an_alarm_begins_without_data_and_changes_at_the_end_of_a_minute(watch):
    watch.alarm()
    assert watch.state() == N
    watch.put(9)
    watch.world.advance(59)
    assert watch.state() == N
    watch.world.advance(1)
    assert watch.state() == A


def test_windows_slide_by_a_minute(watch):
    watch.alarm(Period=300, Statistic="Average", Threshold=2, ComparisonOperator="GreaterThanThreshold")
    assert watch.minute(0, 0, 0, 0, 0, 10, 1) == [K, K, K, K, K, K, A]


def test_nothing_that_waits_for_an_alarm_keeps_the_world_awake(watch):
    watch.alarm()
    before = watch.world.clock.ms
    watch.world.run_until_idle()
    assert watch.world.clock.ms == before


@pytest.mark.parametrize(("statistic", "state"), [("p50", K), ("p99", A)])
def test_percentiles_alarm(statistic, state, watch):
    watch.alarm(ExtendedStatistic=statistic)
    for value in (1, 2, 3, 9):
        watch.put(value)
    watch.world.advance(60)
    assert watch.state() == state


def test_metric_math_alarms(watch):
    metrics = [
        {"Id": name, "ReturnData": False,
         "MetricStat": {"Metric": {"Namespace": "Shop", "MetricName": metric}, "Period": 60, "Stat": "Sum"}}
        for name, metric in (("failed", "failed"), ("all", "m"))
    ]  # fmt: skip
    metrics.append({"Id": "share", "Expression": "100 * FILL(failed, 0) / all", "ReturnData": True})
    watch.alarm(Metrics=metrics, Threshold=10)
    assert watch.minute(100) == [K]
    watch.put(11, name="failed")
    assert watch.minute(100) == [A]


def test_high_resolution_alarms_are_judged_every_ten_seconds(watch):
    watch.alarm(Period=10)
    watch.put(9, StorageResolution=1)
    watch.world.advance(10)
    assert watch.state() == A


def test_units_count(watch):
    watch.alarm(Unit="Seconds", TreatMissingData="notBreaching")
    watch.put(9, Unit="Count")
    watch.world.advance(60)
    assert watch.state() == K


def test_what_a_topic_hears(watch):
    watch.listen()
    dimensions = [{"Name": "a", "Value": "b"}]
    watch.alarm(AlarmActions=[TOPIC], AlarmDescription="too much", Dimensions=dimensions)
    watch.put(9, Dimensions=dimensions)
    watch.world.advance(60)
    (message,) = watch.heard()
    assert (message["AlarmName"], message["NewStateValue"], message["OldStateValue"]) == ("a", A, N)
    assert message["NewStateReason"] == (
        "Threshold Crossed: 1 datapoint [9.0 (01/01/26 00:00:00)] was greater than the threshold (5.0)."
    )
    assert (message["Region"], message["AWSAccountId"]) == ("US East (N. Virginia)", "123456789012")
    assert message["StateChangeTime"] == "2026-01-01T00:01:00.000+0000"
    trigger = message["Trigger"]
    assert (trigger["Statistic"], trigger["StatisticType"]) == ("MAXIMUM", "Statistic")
    assert trigger["Dimensions"] == [{"value": "b", "name": "a"}]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a*"}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:b*"}}, False),
        ({"StringEquals": {"aws:SourceAccount": "210987654321"}}, False),
    ],
)
def test_the_topics_own_policy_must_let_the_alarm_in(condition, told, watch):
    watch.listen()
    statement = {
        "Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish",
        "Resource": TOPIC, "Condition": condition,
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    watch.backend.client("sns").set_topic_attributes(
        TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy
    )
    watch.alarm(AlarmActions=[TOPIC])
    watch.minute(9)
    assert bool(watch.heard()) is told
    items = watch.aws.describe_alarm_history(HistoryItemType="Action")["AlarmHistoryItems"]
    assert [json.loads(item["HistoryData"])["actionState"] for item in items] == [
        "Succeeded" if told else "Failed"
    ]


def test_each_state_has_its_actions_and_a_state_that_lasts_is_told_once(watch):
    watch.listen()
    watch.alarm(AlarmActions=[TOPIC], OKActions=[TOPIC], TreatMissingData="notBreaching")
    watch.minute(9, 9, 9, 1, 1, 9)
    assert [one["NewStateValue"] for one in watch.heard()] == [A, K, A]


def test_disabled_actions_are_silent_and_states_change_all_the_same(watch):
    watch.listen()
    watch.alarm(AlarmActions=[TOPIC])
    watch.aws.disable_alarm_actions(AlarmNames=["a"])
    assert watch.minute(9) == [A]
    assert watch.heard() == []
    watch.aws.enable_alarm_actions(AlarmNames=["a"])
    watch.minute(1, 9)
    assert [one["NewStateValue"] for one in watch.heard()] == [A]


def test_a_state_that_is_set_acts_and_lasts_until_the_next_evaluation(watch):
    watch.listen()
    watch.alarm(AlarmActions=[TOPIC])
    watch.minute(1)
    watch.aws.set_alarm_state(AlarmName="a", StateValue=A, StateReason="drill")
    assert watch.state() == A
    assert [one["NewStateReason"] for one in watch.heard()] == ["drill"]
    assert watch.minute(1) == [K]


def test_composite_alarms(watch):
    watch.listen()
    watch.alarm(AlarmName="one")
    watch.alarm(AlarmName="two", MetricName="n")
    rule = 'ALARM("one") AND NOT (OK(two) OR FALSE)'
    watch.aws.put_composite_alarm(AlarmName="both", AlarmRule=rule, AlarmActions=[TOPIC])
    watch.put(9)
    watch.put(1, name="n")
    watch.world.advance(60)
    assert watch.state("both") == K
    watch.put(9)
    watch.put(9, name="n")
    watch.world.advance(60)
    assert watch.state("both") == A
    (message,) = watch.heard()
    assert (message["AlarmName"], message["AlarmRule"]) == ("both", rule)


@pytest.mark.parametrize("rule", ["ALARM(nobody)", "ALARM(one) AND", "one", "ALARM(one) ALARM(one)"])
def test_rules_that_are_none(rule, watch):
    watch.alarm(AlarmName="one")
    with pytest.raises(ClientError):
        watch.aws.put_composite_alarm(AlarmName="both", AlarmRule=rule)


def test_a_suppressor_keeps_a_composite_alarm_quiet(watch):
    watch.listen()
    watch.alarm(AlarmName="one")
    watch.alarm(AlarmName="quiet", MetricName="n")
    watch.aws.put_composite_alarm(
        AlarmName="both", AlarmRule="ALARM(one)", AlarmActions=[TOPIC], ActionsSuppressor="quiet",
        ActionsSuppressorWaitPeriod=0, ActionsSuppressorExtensionPeriod=0,
    )  # fmt: skip
    watch.put(9, name="n")
    watch.put(9)
    watch.world.advance(60)
    assert watch.state("both") == A
    assert watch.heard() == []


def test_the_history_tells_what_happened(watch):
    watch.alarm()
    watch.minute(1, 9)
    items = watch.aws.describe_alarm_history(AlarmName="a")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in reversed(items)] == [
        'Alarm "a" created',
        "Alarm updated from INSUFFICIENT_DATA to OK",
        "Alarm updated from OK to ALARM",
    ]


def test_the_bus_hears_of_a_change(watch):
    events = watch.backend.client("events")
    url = watch.sqs.create_queue(QueueName="bus")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:bus"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    watch.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}}
    events.put_rule(Name="r", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    watch.alarm()
    watch.minute(1, 9)
    (message,) = watch.sqs.receive_message(QueueUrl=url)["Messages"]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "CloudWatch Alarm State Change"
    assert event["detail"]["previousState"]["value"] == K
    assert event["resources"] == ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"AlarmActions": ["not an arn"]}, "ValidationError"),
        ({"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "NotImplemented"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "NotImplemented"),
        ({"Period": 45}, "ValidationError"),
        ({"Period": 300, "EvaluationPeriods": 300}, "ValidationError"),
        ({"EvaluationPeriods": 2, "DatapointsToAlarm": 3}, "ValidationError"),
        ({"TreatMissingData": "maybe"}, "InvalidParameterValue"),
        ({"ExtendedStatistic": "q50"}, "InvalidParameterValue"),
    ],
)
def test_alarms_that_cannot_be_are_refused(settings, code, watch):
    with pytest.raises(ClientError) as caught:
        watch.alarm(**settings)
    assert caught.value.response["Error"]["Code"] == code


def test_alarms_are_taken_back_with_the_world(watch):
    watch.alarm()
    watch.minute(1)
    before = watch.world.snapshot()
    assert watch.minute(9) == [A]
    watch.world.restore(before)
    assert watch.state() == K
    assert watch.minute(1, 9) == [K, A]


def test_datapoints_from_farther_back_stand_in_for_missing_ones(watch):
    watch.alarm(EvaluationPeriods=3, TreatMissingData="notBreaching")
    assert watch.minute(9, None, 9, None, 9) == [K, K, K, K, A]


def test_a_state_that_is_set_again_does_not_act_again(watch):
    watch.listen()
    watch.alarm(OKActions=[TOPIC])
    for _ in range(2):
        watch.aws.set_alarm_state(AlarmName="a", StateValue=K, StateReason="drill")
    assert len(watch.heard()) == 1


def test_a_queue_that_was_full_for_a_moment_does_not_alarm_for_ever(watch):
    url = watch.sqs.create_queue(QueueName="q")["QueueUrl"]
    watch.alarm(
        Namespace="AWS/SQS", MetricName="ApproximateNumberOfMessagesVisible", Threshold=0, Period=300,
        Dimensions=[{"Name": "QueueName", "Value": "q"}],
    )  # fmt: skip
    watch.world.advance(3600)
    watch.sqs.send_message(QueueUrl=url, MessageBody="x")
    watch.world.advance(60)
    assert watch.state() == A
    watch.sqs.purge_queue(QueueUrl=url)
    watch.world.advance(240)
    assert watch.state() == A
    watch.world.advance(60)
    assert watch.state() == K
