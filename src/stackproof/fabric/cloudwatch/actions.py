"""What an alarm sets off when its state changes: notifications, functions, scaling.

Sources: user guide, "Alarm actions" and "Invoke a Lambda function from an alarm".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stackproof.fabric import access, arns
from stackproof.fabric.cloudwatch import errors
from stackproof.fabric.cloudwatch.alarm import COMPOSITE, Alarm, stamp
from stackproof.fabric.cloudwatch.scaling import Scaling
from stackproof.fabric.service import Delivery, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.cloudwatch.service import CloudWatchService

REGIONS = {
    "us-east-1": "US East (N. Virginia)", "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)", "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)", "eu-central-1": "EU (Frankfurt)",
    "eu-west-2": "EU (London)", "eu-west-3": "EU (Paris)", "eu-north-1": "EU (Stockholm)",
    "ap-southeast-1": "Asia Pacific (Singapore)", "ap-southeast-2": "Asia Pacific (Sydney)",
    "ap-northeast-1": "Asia Pacific (Tokyo)", "ap-south-1": "Asia Pacific (Mumbai)",
    "ca-central-1": "Canada (Central)", "sa-east-1": "South America (Sao Paulo)",
}  # fmt: skip
_EMULATED = ("sns", "lambda", "autoscaling")
_STATISTICS = {"SampleCount": "SAMPLE_COUNT"}


class Actions:
    """``run`` does what entering the present state of an alarm sets off."""

    def __init__(self, service: CloudWatchService) -> None:
        self._service = service
        self._world = service.world
        self.scaling = Scaling(self._world)

    @staticmethod
    def check(action: str) -> None:
        """Raise for an action that is no ARN, or that is not emulated."""
        parsed = arns.parse(action)
        if parsed is None:
            raise errors.validation(f"Invalid arn syntax: {action}")
        if parsed.service not in _EMULATED:
            raise errors.not_emulated(f"alarm action {action}")

    def run(self, alarm: Alarm, before: str) -> None:
        """Every action of the state that the alarm is in now, once."""
        for action in alarm.actions(alarm.state):
            self._one(alarm, before, action)

    def repeat(self, alarm: Alarm) -> None:
        """Scaling goes on for as long as the alarm stays in its state, minute by minute."""
        for action in alarm.actions(alarm.state):
            if ":autoscaling:" in action and alarm.enabled:
                self._one(alarm, alarm.state, action, repeated=True)

    def _one(self, alarm: Alarm, before: str, action: str, *, repeated: bool = False) -> None:
        parsed = arns.parse(action)
        assert parsed is not None  # it was checked when the alarm was put
        try:
            if parsed.service == "sns":
                self._publish(alarm, before, action)
            elif parsed.service == "lambda":
                self._invoke(alarm, before, action)
            elif not self.scaling.execute(alarm.name, action, self._excess(alarm), alarm.account):
                return
        except ServiceError as error:
            if not repeated:
                self._tell(alarm, action, f"Failed to execute action {action}", f"{error}")
            return
        if not repeated:
            self._tell(alarm, action, f"Successfully executed action {action}", "")

    def _tell(self, alarm: Alarm, action: str, summary: str, error: str) -> None:
        result = f"error {error}" if error else ""
        detail = {"action": action, "state": alarm.state}
        self._world.journal.record(alarm.name, "cloudwatch.Action", arns.last(action), detail, result)
        state = "Failed" if error else "Succeeded"
        data = {"actionState": state, "stateUpdateTimestamp": alarm.updated_ms,
                "notificationResource": action, "publishedMessage": None, "error": error or None}  # fmt: skip
        self._service.alarms.record(alarm, "Action", summary, data)

    def _excess(self, alarm: Alarm) -> float:
        """How far the last datapoint lies beyond the threshold, for step scaling."""
        recent = json.loads(alarm.data).get("recentDatapoints") if alarm.data else None
        threshold = alarm.settings.get("Threshold")
        return float(recent[-1]) - float(threshold) if recent and threshold is not None else 0.0

    # Notifications.

    def _publish(self, alarm: Alarm, before: str, topic: str) -> None:
        self._let_in(alarm, topic)
        place = REGIONS.get(alarm.region, alarm.region)
        caller = self._world.caller(
            alarm.account, alarm.region, actor=alarm.name, service="cloudwatch.amazonaws.com",
            source_arn=alarm.arn,
        )  # fmt: skip
        params = {
            "TopicArn": topic,
            "Subject": f'{alarm.state}: "{alarm.name}" in {place}'[:100],
            "Message": json.dumps(notification(alarm, before)),
        }
        self._world.call("sns", "Publish", params, caller)

    def _let_in(self, alarm: Alarm, arn: str) -> None:
        """Raise when the topic's policy does not let the alarm publish; its owner's alarms may by default."""
        topic = self._world.service("sns").topics.get(arn)
        if topic is None:
            return
        visit = access.Visit("cloudwatch.amazonaws.com", "sns:Publish", arn, alarm.arn, alarm.account)
        owned = any(
            statement.get("Effect") == "Allow"
            and (statement.get("Condition") or {}).get("StringEquals", {}).get("AWS:SourceOwner")
            == alarm.account
            for statement in topic.policy.get("Statement", ())
        )
        if not owned and not access.allows(topic.policy, visit):
            raise ServiceError(
                "AuthorizationError",
                f"CloudWatch Alarms is not authorized to perform: SNS:Publish on resource: {arn}",
                status=403,
            )

    def _invoke(self, alarm: Alarm, before: str, function: str) -> None:
        body = json.dumps({
            "source": "aws.cloudwatch", "alarmArn": alarm.arn, "accountId": alarm.account,
            "time": stamp(alarm.updated_ms), "region": alarm.region, "alarmData": detail(alarm, before),
        })  # fmt: skip
        principal = "lambda.alarms.cloudwatch.amazonaws.com"
        refused: list[Exception] = []

        def done(error: Exception | None) -> None:
            if error is not None:
                refused.append(error)

        self._world.deliver(function, Delivery(alarm.arn, body, principal=principal), done)
        if refused:
            raise ServiceError("AccessDeniedException", str(refused[0]))


def notification(alarm: Alarm, before: str) -> dict[str, Any]:
    """The message that a topic gets."""
    settings = alarm.settings
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": settings.get("AlarmDescription"),
        "AWSAccountId": alarm.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configured_ms),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": stamp(alarm.updated_ms),
        "Region": REGIONS.get(alarm.region, alarm.region),
        "AlarmArn": alarm.arn,
        "OldStateValue": before,
        "OKActions": settings.get("OKActions") or [],
        "AlarmActions": settings.get("AlarmActions") or [],
        "InsufficientDataActions": settings.get("InsufficientDataActions") or [],
    }
    if alarm.kind == COMPOSITE:
        message["AlarmRule"] = settings["AlarmRule"]
    else:
        message["Trigger"] = _trigger(alarm)
    return message


def _trigger(alarm: Alarm) -> dict[str, Any]:
    settings = alarm.settings
    trigger: dict[str, Any] = {}
    if settings.get("Metrics"):
        trigger["Metrics"] = [_query(query) for query in settings["Metrics"]]
    else:
        statistic = settings.get("Statistic")
        trigger = {
            "MetricName": settings["MetricName"], "Namespace": settings["Namespace"],
            "StatisticType": "Statistic" if statistic else "ExtendedStatistic",
            **({"Statistic": _STATISTICS.get(statistic, statistic.upper())} if statistic
               else {"ExtendedStatistic": settings["ExtendedStatistic"]}),
            "Unit": settings.get("Unit"),
            "Dimensions": [{"value": one["Value"], "name": one["Name"]}
                           for one in settings.get("Dimensions") or ()],
        }  # fmt: skip
        trigger["Period"] = alarm.period
    trigger |= {
        "EvaluationPeriods": settings["EvaluationPeriods"],
        **({"DatapointsToAlarm": settings["DatapointsToAlarm"]} if settings.get("DatapointsToAlarm") else {}),
        "ComparisonOperator": settings["ComparisonOperator"],
        "Threshold": settings["Threshold"],
        "TreatMissingData": settings.get("TreatMissingData") or "",
        "EvaluateLowSampleCountPercentile": settings.get("EvaluateLowSampleCountPercentile") or "",
    }
    return trigger


def _query(query: Any) -> dict[str, Any]:
    shown = {"Id": query["Id"], "ReturnData": query.get("ReturnData", True)}
    for name in ("Label", "Expression", "MetricStat"):
        if query.get(name):
            shown[name] = query[name]
    return shown


def detail(alarm: Alarm, before: str) -> dict[str, Any]:
    """What events and functions get about a change of state."""
    state: dict[str, Any] = {
        "value": alarm.state, "reason": alarm.reason, "timestamp": stamp(alarm.updated_ms),
    }  # fmt: skip
    if alarm.data:
        state["reasonData"] = alarm.data
    configuration: dict[str, Any] = {}
    settings = alarm.settings
    if settings.get("AlarmDescription"):
        configuration["description"] = settings["AlarmDescription"]
    if alarm.kind == COMPOSITE:
        configuration["alarmRule"] = settings["AlarmRule"]
    else:
        configuration["metrics"] = _configured(alarm)
    return {
        "alarmName": alarm.name, "state": state, "previousState": {"value": before},
        "configuration": configuration,
    }  # fmt: skip


def _configured(alarm: Alarm) -> list[dict[str, Any]]:
    settings = alarm.settings
    if settings.get("Metrics"):
        return [_configured_query(query) for query in settings["Metrics"]]
    metric = {
        "namespace": settings["Namespace"], "name": settings["MetricName"],
        "dimensions": {one["Name"]: one["Value"] for one in settings.get("Dimensions") or ()},
    }  # fmt: skip
    stat = settings.get("Statistic") or settings.get("ExtendedStatistic")
    identifier = str(alarm.configured_ms)
    return [{
        "id": f"m{identifier}", "metricStat": {"metric": metric, "period": str(alarm.period), "stat": stat},
        "returnData": True,
    }]  # fmt: skip


def _configured_query(query: Any) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if query.get("Label"):
        shown["label"] = query["Label"]
    if query.get("Expression"):
        return {**shown, "expression": query["Expression"]}
    stat = query["MetricStat"]
    metric = {
        "namespace": stat["Metric"]["Namespace"], "name": stat["Metric"]["MetricName"],
        "dimensions": {one["Name"]: one["Value"] for one in stat["Metric"].get("Dimensions") or ()},
    }  # fmt: skip
    return {**shown, "metricStat": {"metric": metric, "period": str(stat["Period"]), "stat": stat["Stat"]}}
