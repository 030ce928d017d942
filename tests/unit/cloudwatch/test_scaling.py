"""Scaling policies as actions: how far, how often, within which bounds."""

from __future__ import annotations

import pytest

from stackproof.fabric.cloudwatch.scaling import Capacity, step, target

DIMENSION = "ecs:service:DesiredCount"


@pytest.mark.parametrize(
    ("excess", "expected"),
    [(0, 1), (9.9, 1), (10, 2), (100, 2), (-1, None), (-5, None), (-10, -1), (-99, -1)],
)
def test_the_step_by_how_far_the_threshold_is_passed(excess, expected):
    steps = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
        {"MetricIntervalUpperBound": -10, "ScalingAdjustment": -1},
    ]
    assert step(steps, excess) == expected


@pytest.mark.parametrize(
    ("kind", "adjustment", "expected"),
    [
        ("ChangeInCapacity", 2, 12),
        ("ChangeInCapacity", 20, 20),
        ("ChangeInCapacity", -20, 2),
        ("ExactCapacity", 5, 5),
        ("PercentChangeInCapacity", 25, 12),
        ("PercentChangeInCapacity", 5, 11),
        ("PercentChangeInCapacity", -5, 9),
    ],
)
def test_adjustments_within_the_bounds(kind, adjustment, expected):
    assert target(Capacity(10, 2, 20), {"AdjustmentType": kind}, adjustment) == expected


@pytest.fixture
def service(watch):
    """A service of one task that an alarm scales by one, with a cooldown of three minutes; its count."""
    ecs, scaling = watch.backend.client("ecs"), watch.backend.client("application-autoscaling")
    ecs.create_cluster(clusterName="c")
    container = {"name": "x", "image": "x", "memory": 128}
    ecs.register_task_definition(family="t", containerDefinitions=[container])
    ecs.create_service(cluster="c", serviceName="s", taskDefinition="t", desiredCount=1)
    place = {"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "ScalableDimension": DIMENSION}
    scaling.register_scalable_target(**place, MinCapacity=1, MaxCapacity=9)

    def policy(name, adjustment, bound):
        steps = [{bound: 0, "ScalingAdjustment": adjustment}]
        settings = {"AdjustmentType": "ChangeInCapacity", "Cooldown": 180, "StepAdjustments": steps}
        answer = scaling.put_scaling_policy(
            PolicyName=name, **place, PolicyType="StepScaling", StepScalingPolicyConfiguration=settings
        )
        return answer["PolicyARN"]

    watch.alarm(AlarmActions=[policy("out", 1, "MetricIntervalLowerBound")])
    watch.alarm(
        AlarmName="b", AlarmActions=[policy("in", -1, "MetricIntervalUpperBound")], Threshold=2,
        ComparisonOperator="LessThanThreshold",
    )  # fmt: skip
    return lambda: ecs.describe_services(cluster="c", services=["s"])["services"][0]["desiredCount"]


def test_scaling_goes_on_while_the_alarm_lasts_and_rests_for_its_cooldown(watch, service):
    counts = []
    for _ in range(8):
        watch.minute(9)
        counts.append(service())
    assert counts == [2, 2, 2, 3, 3, 3, 4, 4]


def test_a_scale_out_does_not_wait_for_the_cooldown_of_a_scale_in(watch, service):
    for _ in range(4):
        watch.minute(9)
    assert service() == 3
    for _ in range(3):
        watch.minute(1)
    assert service() == 2
    watch.minute(9)
    assert service() == 3
