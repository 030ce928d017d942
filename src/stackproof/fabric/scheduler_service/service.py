"""The service Scheduler: groups and schedules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.events.model import moment
from stackproof.fabric.events.pages import page
from stackproof.fabric.scheduler_service import targets
from stackproof.fabric.scheduler_service.model import DEFAULT, Group, Schedule, zone
from stackproof.fabric.scheduler_service.running import Running
from stackproof.fabric.schedules import InvalidSchedule, parse
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.world import World

_GIVEN = (
    "ActionAfterCompletion", "Description", "EndDate", "FlexibleTimeWindow", "KmsKeyArn",
    "ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "State", "Target",
)  # fmt: skip
_NAME = re.compile(r"[0-9a-zA-Z\-_.]{1,64}")


class SchedulerService:
    """One instance serves all accounts and regions; ``schedules`` and ``groups`` are kept by their ARN."""

    name = "scheduler"

    def __init__(self, world: World) -> None:
        self.world = world
        self.groups: dict[str, Group] = {}
        self.schedules: dict[str, Schedule] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self.running = Running(self)
        self.operations: Mapping[str, Operation] = {
            "CreateSchedule": self.create,
            "UpdateSchedule": self.update,
            "GetSchedule": self.get,
            "DeleteSchedule": self.delete,
            "ListSchedules": self.list,
            "CreateScheduleGroup": self.create_group,
            "GetScheduleGroup": self.get_group,
            "DeleteScheduleGroup": self.delete_group,
            "ListScheduleGroups": self.list_groups,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    # Groups.

    def _group(self, name: str, caller: Caller) -> Group:
        arn = arns.arn("scheduler", caller.region, caller.account, f"schedule-group/{name}")
        found = self.groups.get(arn)
        if found is None and name == DEFAULT:
            found = self.groups[arn] = Group(name, arn, self.world.clock.start_ms / 1000)
        if found is None:
            raise _not_found(f"Schedule group {name} does not exist.")
        return found

    def create_group(self, params: Params, caller: Caller) -> Response:
        """A group."""
        name = params["Name"]
        arn = arns.arn("scheduler", caller.region, caller.account, f"schedule-group/{name}")
        if name == DEFAULT or arn in self.groups:
            raise _conflict(f"Schedule group {name} already exists.")
        self.groups[arn] = Group(name, arn, self.world.clock.now)
        self._tags[arn] = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
        return {"ScheduleGroupArn": arn}

    def get_group(self, params: Params, caller: Caller) -> Response:
        """One group."""
        return _shown_group(self._group(params["Name"], caller))

    def delete_group(self, params: Params, caller: Caller) -> Response:
        """A group with its schedules."""
        if params["Name"] == DEFAULT:
            raise _invalid("The default schedule group cannot be deleted.")
        group = self._group(params["Name"], caller)
        for schedule in [one for one in self.schedules.values() if one.arn.startswith(_prefix(group))]:
            self.forget(schedule)
        del self.groups[group.arn]
        self._tags.pop(group.arn, None)
        return {}

    def list_groups(self, params: Params, caller: Caller) -> Response:
        """The groups of the account and region."""
        self._group(DEFAULT, caller)
        mine = arns.arn("scheduler", caller.region, caller.account, "schedule-group/")
        found = [group for arn, group in sorted(self.groups.items()) if arn.startswith(mine)]
        wanted = [one for one in found if one.name.startswith(params.get("NamePrefix") or "")]
        shown = [_shown_group(one) for one in wanted]
        return page(shown, params, "ScheduleGroups", size="MaxResults")

    # Schedules.

    def _schedule(self, params: Params, caller: Caller) -> Schedule:
        group = self._group(params.get("GroupName") or DEFAULT, caller)
        found = self.schedules.get(_prefix(group) + params["Name"])
        if found is None:
            raise _not_found(f"Schedule {params['Name']} does not exist.")
        return found

    def create(self, params: Params, caller: Caller) -> Response:
        """A schedule; it runs from now on."""
        group = self._group(params.get("GroupName") or DEFAULT, caller)
        arn = _prefix(group) + params["Name"]
        if not _NAME.fullmatch(params["Name"]):
            raise _invalid(f"Invalid schedule name {params['Name']}.")
        if arn in self.schedules:
            raise _conflict(f"Schedule {params['Name']} already exists.")
        return self._keep(params, group, arn, self.world.clock.now)

    def update(self, params: Params, caller: Caller) -> Response:
        """Everything is set anew: what is not given goes back to its default."""
        before = self._schedule(params, caller)
        group = self._group(params.get("GroupName") or DEFAULT, caller)
        return self._keep(params, group, before.arn, before.created)

    def _keep(self, params: Params, group: Group, arn: str, created: float) -> Response:
        _check(params)
        now = self.world.clock
        start, end = _ms(params.get("StartDate")), _ms(params.get("EndDate"))
        if end and end <= max(start, now.ms):
            raise _invalid("The EndDate you specify must come after the StartDate and after now.")
        window = params["FlexibleTimeWindow"]
        schedule = Schedule(
            params["Name"], group.name, arn, params["ScheduleExpression"],
            params.get("ScheduleExpressionTimezone") or "UTC", start or now.ms, start, end,
            window.get("MaximumWindowInMinutes") or 0, params.get("State") != "DISABLED", created, now.now,
            {name: params[name] for name in _GIVEN if params.get(name) is not None},
        )  # fmt: skip
        self.schedules[arn] = schedule
        self.running.settle(schedule)
        return {"ScheduleArn": arn}

    def forget(self, schedule: Schedule) -> None:
        """Drop a schedule."""
        self.schedules.pop(schedule.arn, None)
        self.running.drop(schedule.arn)

    def get(self, params: Params, caller: Caller) -> Response:
        """One schedule."""
        found = self._schedule(params, caller)
        defaults = {"ActionAfterCompletion": "NONE", "ScheduleExpressionTimezone": "UTC", "State": "ENABLED"}
        target = dict(found.target)
        target.setdefault("RetryPolicy", {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185})
        return {
            **defaults, **found.given, "Target": target, "Name": found.name, "GroupName": found.group,
            "Arn": found.arn, "CreationDate": moment(found.created),
            "LastModificationDate": moment(found.modified),
        }  # fmt: skip

    def delete(self, params: Params, caller: Caller) -> Response:
        """No more invocations; those under way come to their end."""
        self.forget(self._schedule(params, caller))
        return {}

    def list(self, params: Params, caller: Caller) -> Response:
        """The schedules of a group, or all."""
        mine = arns.arn("scheduler", caller.region, caller.account, "schedule/")
        if params.get("GroupName"):
            mine = _prefix(self._group(params["GroupName"], caller))
        found = [
            one
            for arn, one in sorted(self.schedules.items())
            if arn.startswith(mine)
            and one.name.startswith(params.get("NamePrefix") or "")
            and params.get("State") in (None, "ENABLED" if one.enabled else "DISABLED")
        ]
        shown = [
            {
                "Arn": one.arn, "Name": one.name, "GroupName": one.group, "CreationDate": moment(one.created),
                "LastModificationDate": moment(one.modified), "Target": {"Arn": one.target["Arn"]},
                "State": "ENABLED" if one.enabled else "DISABLED",
            }
            for one in found
        ]  # fmt: skip
        return page(shown, params, "Schedules", size="MaxResults")

    # Tags (of groups).

    def _tagged(self, params: Params) -> dict[str, str]:
        if params["ResourceArn"] not in self.groups:
            raise _not_found(f"Schedule group {arns.last(params['ResourceArn'])} does not exist.")
        return self._tags.setdefault(params["ResourceArn"], {})

    def tag(self, params: Params, caller: Caller) -> Response:
        """Add or change tags."""
        self._tagged(params).update({tag["Key"]: tag["Value"] for tag in params["Tags"]})
        return {}

    def untag(self, params: Params, caller: Caller) -> Response:
        """Take tags away."""
        found = self._tagged(params)
        for key in params["TagKeys"]:
            found.pop(key, None)
        return {}

    def list_tags(self, params: Params, caller: Caller) -> Response:
        """The tags of a group."""
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tagged(params).items()]}

    # Snapshots.

    def snapshot(self) -> Any:
        """Everything is frozen but the tags."""
        tags = {arn: dict(found) for arn, found in self._tags.items()}
        return dict(self.groups), dict(self.schedules), tags, self.running.snapshot()

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        groups, schedules, tags, running = state
        self.groups, self.schedules = dict(groups), dict(schedules)
        self._tags = {arn: dict(found) for arn, found in tags.items()}
        self.running.restore(running)


def _check(params: Params) -> None:
    expression = params["ScheduleExpression"]
    try:
        where = zone(params.get("ScheduleExpressionTimezone") or "UTC")
    except (KeyError, ValueError, OSError) as error:
        raise _invalid("The provided ScheduleExpressionTimezone is not valid.") from error
    try:
        parse(expression, zone=where)
    except InvalidSchedule as error:
        raise _invalid(f"Invalid Schedule Expression {expression}.") from error
    window = params["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") is not bool(window.get("MaximumWindowInMinutes")):
        raise _invalid("MaximumWindowInMinutes goes with the FLEXIBLE mode of FlexibleTimeWindow.")
    _check_target(params["Target"])


def _check_target(target: Mapping[str, Any]) -> None:
    arn = target["Arn"]
    if arns.parse(arn) is None:
        raise _invalid(f"Invalid target ARN {arn}.")
    if ":scheduler:::aws-sdk:" in arn and (targets.universal(arn) is None or targets.only_reads(arn)):
        raise _invalid(f"{arn} is not a supported target.")
    if (
        arn.endswith(".fifo")
        and ":sqs:" in arn
        and not (target.get("SqsParameters") or {}).get("MessageGroupId")
    ):
        raise _invalid("SqsParameters with a MessageGroupId are required for a FIFO queue.")
    parsed = arns.parse(arn)
    kind = parsed.service if parsed else ""
    if kind == "kinesis" and not target.get("KinesisParameters"):
        raise _invalid("KinesisParameters are required for a stream.")
    if kind == "events" and not target.get("EventBridgeParameters"):
        raise _invalid("EventBridgeParameters are required for an event bus.")


def _prefix(group: Group) -> str:
    """The beginning of the ARNs of a group's schedules."""
    return group.arn.replace(":schedule-group/", ":schedule/") + "/"


def _shown_group(group: Group) -> Response:
    return {
        "Arn": group.arn, "Name": group.name, "State": "ACTIVE", "CreationDate": moment(group.created),
        "LastModificationDate": moment(group.created),
    }  # fmt: skip


def _ms(value: Any) -> int:
    """A date of the API in milliseconds; 0 when none is given."""
    if value is None:
        return 0
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(aware.timestamp() * 1000)
    return int(float(value) * 1000)


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def _not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, status=404)


def _conflict(message: str) -> ServiceError:
    return ServiceError("ConflictException", message, status=409)
