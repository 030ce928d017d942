"""Amazon CloudWatch: alarms."""

from __future__ import annotations

from typing import Any

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made

_METRIC = (
    "ActionsEnabled", "AlarmActions", "AlarmDescription", "ComparisonOperator", "DatapointsToAlarm",
    "Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods", "ExtendedStatistic",
    "InsufficientDataActions", "MetricName", "Metrics", "Namespace", "OKActions", "Period", "Statistic",
    "Threshold", "ThresholdMetricId", "TreatMissingData", "Unit",
)  # fmt: skip
_COMPOSITE = (
    "ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmRule", "InsufficientDataActions", "OKActions",
    "ActionsSuppressor", "ActionsSuppressorExtensionPeriod", "ActionsSuppressorWaitPeriod",
)  # fmt: skip


class Alarm(Handler):
    """``AWS::CloudWatch::Alarm``: stored; whether it is evaluated is the backend's capability ``alarms``."""

    type = "AWS::CloudWatch::Alarm"
    covers = frozenset(_METRIC) | {"AlarmName", "Tags"}
    _names: tuple[str, ...] = _METRIC
    _operation = "put_metric_alarm"

    def create(self, job: Job) -> Made:
        """PutMetricAlarm."""
        return self._put(job, job.name("AlarmName"))

    def _put(self, job: Job, name: str) -> Made:
        params: dict[str, Any] = {"AlarmName": name, **job.pick({one: one for one in self._names})}
        if job.before is None:
            params["Tags"] = job.tag_list() or None
        job.call("cloudwatch", self._operation, params)
        if "alarms" not in job.backend.capabilities:
            judged = "AlarmRule" if "AlarmRule" in job.properties else "ComparisonOperator"
            job.left_out(judged, "stored, alarms are not evaluated yet")
        place = job.place
        return Made(
            name, {"Arn": f"arn:{place.partition}:cloudwatch:{place.region}:{place.account}:alarm:{name}"}
        )

    def update(self, job: Job, made: Made) -> Made:
        """Put it again; tags by their own calls."""
        arn = made.attributes["Arn"]
        removed = job.removed_tags()
        if removed:
            job.call("cloudwatch", "untag_resource", {"ResourceARN": arn, "TagKeys": removed})
        if job.changed("Tags") and job.tags():
            job.call("cloudwatch", "tag_resource", {"ResourceARN": arn, "Tags": job.tag_list()})
        return self._put(job, made.physical_id)

    def delete(self, job: Job, made: Made) -> None:
        """DeleteAlarms."""
        job.call("cloudwatch", "delete_alarms", {"AlarmNames": [made.physical_id]})


class CompositeAlarm(Alarm):
    """``AWS::CloudWatch::CompositeAlarm``."""

    type = "AWS::CloudWatch::CompositeAlarm"
    covers = frozenset(_COMPOSITE) | {"AlarmName", "Tags"}
    _names = _COMPOSITE
    _operation = "put_composite_alarm"
