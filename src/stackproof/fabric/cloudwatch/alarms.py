"""The operations on alarms. Source: API reference, PutMetricAlarm, PutCompositeAlarm and their kin."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.cloudwatch import errors, rules
from stackproof.fabric.cloudwatch.alarm import ALARM, COMPOSITE, INSUFFICIENT, METRIC, OK, Alarm
from stackproof.fabric.cloudwatch.data import ranked
from stackproof.fabric.cloudwatch.grammar import parse
from stackproof.fabric.cloudwatch.putting import seconds
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.cloudwatch.service import CloudWatchService

_WEEK_S = 7 * 86_400
_OPERATORS = ("GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold",
              "LessThanOrEqualToThreshold")  # fmt: skip
_MISSING = ("breaching", "notBreaching", "ignore", "missing")


class Alarms:
    """``table`` holds alarms by (account, region, name) in the order in which they were made."""

    def __init__(self, service: CloudWatchService) -> None:
        self._service = service
        self._world = service.world
        self.table: dict[tuple[str, str, str], Alarm] = {}
        self.operations: Mapping[str, Operation] = {
            "PutMetricAlarm": self.put_metric_alarm,
            "PutCompositeAlarm": self.put_composite_alarm,
            "DescribeAlarms": self.describe_alarms,
            "DescribeAlarmsForMetric": self.describe_alarms_for_metric,
            "DescribeAlarmHistory": self.describe_alarm_history,
            "DeleteAlarms": self.delete_alarms,
            "SetAlarmState": self.set_alarm_state,
            "EnableAlarmActions": self.enable_alarm_actions,
            "DisableAlarmActions": self.disable_alarm_actions,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
        }

    # Putting.

    def put_metric_alarm(self, params: Params, caller: Caller) -> Response:
        """A new alarm, or other settings for one that is there (its state stays)."""
        _check_metric_alarm(params)
        self._put(params, caller, METRIC)
        return {}

    def put_composite_alarm(self, params: Params, caller: Caller) -> Response:
        """As PutMetricAlarm; the alarms of its rule must exist."""
        rule = rules.parse(params["AlarmRule"])
        unknown = [name for name in rule.names if self.find(name, caller) is None]
        if unknown:
            raise errors.validation(
                f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm rule do "
                "not exist"
            )
        if any(arns.last(name) == params["AlarmName"] for name in rule.names):
            raise errors.validation("An alarm cannot be in its own rule")
        self._put(params, caller, COMPOSITE)
        return {}

    def _put(self, params: Params, caller: Caller, kind: str) -> None:
        for action in _actions(params):
            self._service.actions.check(action)
        key = (caller.account, caller.region, params["AlarmName"])
        settings = {name: value for name, value in params.items() if name not in ("AlarmName", "Tags")}
        settings.pop("ActionsEnabled", None)
        now = self._world.clock.ms
        alarm = self.table.get(key)
        if alarm is None:
            alarm = self.table[key] = Alarm(*key, kind, settings, now)
            alarm.tags = {one["Key"]: one["Value"] for one in params.get("Tags") or ()}
            self.record(alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" created')
        elif alarm.kind != kind:
            raise errors.validation(f"The alarm {alarm.name} is of another type")
        else:
            alarm.settings, alarm.configured_ms, alarm.resting = settings, now, None
            self.record(alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" updated')
        alarm.enabled = params.get("ActionsEnabled", True)
        self._service.watch()

    def record(self, alarm: Alarm, kind: str, summary: str, data: Mapping[str, Any] | None = None) -> None:
        """Add to the history."""
        document = json.dumps(data or {"version": "1.0", "type": kind})
        entry = (self._world.clock.ms, alarm.account, alarm.region, alarm.name, alarm.kind, kind, summary,
                 document)  # fmt: skip
        self._service.history.append(entry)

    # Finding.

    def find(self, name: str, caller: Caller) -> Alarm | None:
        """The alarm of a name or an ARN."""
        parsed = arns.parse(name)
        if parsed is not None:
            return self.table.get((parsed.account, parsed.region, parsed.resource.removeprefix("alarm:")))
        return self.table.get((caller.account, caller.region, name))

    def of(self, caller: Caller) -> list[Alarm]:
        """The alarms of a place by name."""
        place = (caller.account, caller.region)
        return sorted((alarm for key, alarm in self.table.items() if key[:2] == place), key=lambda a: a.name)

    def _existing(self, names: Iterable[str], caller: Caller) -> list[Alarm]:
        found = [self.find(name, caller) for name in names]
        return [alarm for alarm in found if alarm is not None]

    def describe_alarms(self, params: Params, caller: Caller) -> Response:
        """By names, prefix, state, action, parents or children; 50 a page unless asked otherwise."""
        kinds = params.get("AlarmTypes") or [METRIC]
        found = [alarm for alarm in self.of(caller) if alarm.kind in kinds]
        if params.get("AlarmNames") is not None:
            named = set(params["AlarmNames"])
            kinds = params.get("AlarmTypes") or [METRIC, COMPOSITE]
            found = [alarm for alarm in self.of(caller) if alarm.name in named and alarm.kind in kinds]
        if params.get("ParentsOfAlarmName") or params.get("ChildrenOfAlarmName"):
            raise errors.not_emulated("ParentsOfAlarmName and ChildrenOfAlarmName")
        found = [alarm for alarm in found if _described(alarm, params)]
        begin, size = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 50)
        page = found[begin : begin + size]
        answer: Response = {
            f"{kind}s": [alarm.shown() for alarm in page if alarm.kind == kind]
            for kind in (METRIC, COMPOSITE)
        }
        if begin + size < len(found):
            answer["NextToken"] = str(begin + size)
        return answer

    def describe_alarms_for_metric(self, params: Params, caller: Caller) -> Response:
        """Metric alarms on exactly this metric."""
        from stackproof.fabric.cloudwatch.data import dimensions

        def fits(alarm: Alarm) -> bool:
            settings = alarm.settings
            wanted = ("Statistic", "ExtendedStatistic", "Period", "Unit")
            return (
                (settings.get("Namespace"), settings.get("MetricName"))
                == (params["Namespace"], params["MetricName"])
                and dimensions(settings.get("Dimensions")) == dimensions(params.get("Dimensions"))
                and all(params.get(name, settings.get(name)) == settings.get(name) for name in wanted)
            )

        return {"MetricAlarms": [a.shown() for a in self.of(caller) if a.kind == METRIC and fits(a)]}

    def describe_alarm_history(self, params: Params, caller: Caller) -> Response:
        """What happened to alarms, the newest first."""
        from stackproof.fabric.cloudwatch.reading import moment

        kinds = params.get("AlarmTypes") or [METRIC]
        start = seconds(params["StartDate"]) * 1000 if params.get("StartDate") else 0
        end = seconds(params["EndDate"]) * 1000 if params.get("EndDate") else float("inf")
        items = []
        for ms, account, region, name, kind, what, summary, data in self._service.history:
            wanted = (
                (account, region) == (caller.account, caller.region)
                and kind in kinds
                and params.get("AlarmName", name) == name
                and params.get("HistoryItemType", what) == what
                and start <= ms <= end
            )
            if wanted:
                items.append({
                    "AlarmName": name, "AlarmType": kind, "Timestamp": moment(ms / 1000),
                    "HistoryItemType": what, "HistorySummary": summary, "HistoryData": data,
                })  # fmt: skip
        if params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
            items.reverse()
        begin, size = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or 100)
        answer: Response = {"AlarmHistoryItems": items[begin : begin + size]}
        if begin + size < len(items):
            answer["NextToken"] = str(begin + size)
        return answer

    # Changing.

    def delete_alarms(self, params: Params, caller: Caller) -> Response:
        """Names of alarms that are not there are passed over when there are several."""
        found = self._existing(params["AlarmNames"], caller)
        if not found:
            raise errors.not_found()
        gone = {alarm.name for alarm in found}
        for alarm in self.of(caller):
            if alarm.kind == COMPOSITE and alarm.name not in gone:
                used = {arns.last(name) for name in rules.parse(alarm.settings["AlarmRule"]).names} & gone
                if used:
                    raise errors.validation(f"{min(used)} is used by the composite alarm {alarm.name}")
        for alarm in found:
            self.record(alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" deleted')
            del self.table[alarm.account, alarm.region, alarm.name]
        return {}

    def set_alarm_state(self, params: Params, caller: Caller) -> Response:
        """Until the next evaluation says otherwise; actions happen as if it had been evaluated so."""
        alarm = self.find(params["AlarmName"], caller)
        if alarm is None:
            raise errors.not_found()
        data = params.get("StateReasonData", "")
        if data:
            try:
                json.loads(data)
            except ValueError as error:
                raise errors.invalid("State reason data is not valid JSON") from error
        self._service.turn(alarm, params["StateValue"], params["StateReason"], data)
        self._service.compose()
        return {}

    def enable_alarm_actions(self, params: Params, caller: Caller) -> Response:
        """Let actions happen."""
        for alarm in self._existing(params["AlarmNames"], caller):
            alarm.enabled = True
        return {}

    def disable_alarm_actions(self, params: Params, caller: Caller) -> Response:
        """Alarms change their states in silence."""
        for alarm in self._existing(params["AlarmNames"], caller):
            alarm.enabled = False
        return {}

    # Tags.

    def _tagged(self, operation: str, params: Params, caller: Caller) -> Alarm | Response:
        """The alarm of a request; the answer of the state behind where it is about something else."""
        if ":alarm:" not in params["ResourceARN"]:
            return self._service.behind(operation, params, caller)
        alarm = self.find(params["ResourceARN"], caller)
        if alarm is None:
            raise errors.not_found("The alarm does not exist.")
        return alarm

    def tag_resource(self, params: Params, caller: Caller) -> Response:
        """Add tags."""
        alarm = self._tagged("TagResource", params, caller)
        if isinstance(alarm, Alarm):
            alarm.tags |= {one["Key"]: one["Value"] for one in params["Tags"]}
            return {}
        return alarm

    def untag_resource(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        alarm = self._tagged("UntagResource", params, caller)
        if isinstance(alarm, Alarm):
            for key in params["TagKeys"]:
                alarm.tags.pop(key, None)
            return {}
        return alarm

    def list_tags_for_resource(self, params: Params, caller: Caller) -> Response:
        """All tags."""
        alarm = self._tagged("ListTagsForResource", params, caller)
        if isinstance(alarm, Alarm):
            return {"Tags": [{"Key": key, "Value": value} for key, value in alarm.tags.items()]}
        return alarm


def _actions(params: Params) -> list[str]:
    names = ("OKActions", "AlarmActions", "InsufficientDataActions")
    return [action for name in names for action in params.get(name) or ()]


def _described(alarm: Alarm, params: Params) -> bool:
    if not alarm.name.startswith(params.get("AlarmNamePrefix", "")):
        return False
    if params.get("StateValue", alarm.state) != alarm.state:
        return False
    prefix = params.get("ActionPrefix", "")
    states = (OK, ALARM, INSUFFICIENT)
    return not prefix or any(one.startswith(prefix) for state in states for one in alarm.actions(state))


def _check_metric_alarm(params: Params) -> None:
    operator = params["ComparisonOperator"]
    if operator not in _OPERATORS or params.get("EvaluationCriteria"):
        raise errors.not_emulated(f"alarms with {operator} (anomaly detection)")
    if params.get("Threshold") is None:
        raise errors.missing("The parameter Threshold is required.")
    if params.get("TreatMissingData", "missing") not in _MISSING:
        raise errors.invalid(
            f"The value {params['TreatMissingData']} is not supported for TreatMissingData parameter. "
            f"Supported values are [{', '.join(_MISSING)}]."
        )
    periods = params["EvaluationPeriods"]
    if not 1 <= (params.get("DatapointsToAlarm") or periods) <= periods:
        raise errors.validation("DatapointsToAlarm must be at least 1 and at most EvaluationPeriods")
    if params.get("Metrics"):
        lengths = _check_queries(params["Metrics"])
    else:
        if not params.get("MetricName") or not params.get("Namespace"):
            raise errors.validation("Either MetricName and Namespace or Metrics must be given")
        if bool(params.get("Statistic")) == bool(params.get("ExtendedStatistic")):
            raise errors.validation("Exactly one of Statistic and ExtendedStatistic must be given")
        if params.get("ExtendedStatistic"):
            ranked(params["ExtendedStatistic"])
        lengths = [params.get("Period") or 0]
    for period in lengths:
        if period not in (10, 20, 30) and (period < 60 or period % 60):
            raise errors.validation("Metrics list must contain at least one metric with a valid Period: "
                                    "10, 20, 30 or a multiple of 60")  # fmt: skip
        span = period * periods
        if span > (_WEEK_S if period >= 3600 else 86_400):
            raise errors.validation("Metrics cannot be checked across more than a day (a week for periods of "
                                    "an hour or more)")  # fmt: skip


def _check_queries(queries: list[dict[str, Any]]) -> list[int]:
    """The periods of a metric math alarm."""
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        raise errors.validation("Exactly one element of the metrics list should return data.")
    lengths = []
    for query in queries:
        if query.get("MetricStat"):
            lengths.append(query["MetricStat"]["Period"])
        else:
            if query["Expression"].lstrip().upper().startswith("SELECT"):
                raise errors.not_emulated("Metrics Insights queries")
            parse(query["Expression"])
    if not lengths:
        raise errors.not_emulated("alarms without a metric")
    return lengths
