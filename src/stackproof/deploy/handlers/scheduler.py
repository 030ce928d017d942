"""Amazon EventBridge Scheduler. Whether schedules run is the backend's capability ``schedules``."""

from __future__ import annotations

import datetime
from typing import Any

from stackproof.deploy.handler import Handler, Job
from stackproof.deploy.model import Made
from stackproof.fabric.scheduler_service import targets

_NO_SCHEDULE = "stored, schedules do not run yet"
_TABLE = {
    name: name
    for name in (
        "Description", "EndDate", "FlexibleTimeWindow", "GroupName", "KmsKeyArn", "ScheduleExpression",
        "ScheduleExpressionTimezone", "StartDate", "State", "Target",
    )
}  # fmt: skip


class Group(Handler):
    """``AWS::Scheduler::ScheduleGroup``."""

    type = "AWS::Scheduler::ScheduleGroup"
    covers = frozenset({"Name", "Tags"})

    def create(self, job: Job) -> Made:
        """CreateScheduleGroup."""
        name = job.name("Name")
        answer = job.call(
            "scheduler", "create_schedule_group", {"Name": name, "Tags": job.tag_list() or None}
        )
        return Made(name, {"Arn": answer["ScheduleGroupArn"], "State": "ACTIVE"})

    def update(self, job: Job, made: Made) -> Made:
        """Tags."""
        arn = made.attributes["Arn"]
        if job.removed_tags():
            job.call("scheduler", "untag_resource", {"ResourceArn": arn, "TagKeys": job.removed_tags()})
        if job.tags():
            job.call("scheduler", "tag_resource", {"ResourceArn": arn, "Tags": job.tag_list()})
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteScheduleGroup, with its schedules."""
        job.call("scheduler", "delete_schedule_group", {"Name": made.physical_id})


class Schedule(Handler):
    """``AWS::Scheduler::Schedule``."""

    type = "AWS::Scheduler::Schedule"
    covers = frozenset(_TABLE) | {"Name"}
    replaces = frozenset({"GroupName"})

    def create(self, job: Job) -> Made:
        """CreateSchedule."""
        name = job.name("Name")
        answer = job.call("scheduler", "create_schedule", self._params(job, name), _TABLE)
        self._verdict(job)
        return Made(name, {"Arn": answer["ScheduleArn"]})

    @staticmethod
    def _params(job: Job, name: str) -> dict[str, Any]:
        params = {**job.pick(_TABLE), "Name": name}
        for key in ("StartDate", "EndDate"):
            if isinstance(params.get(key), str):
                params[key] = datetime.datetime.fromisoformat(params[key].replace("Z", "+00:00"))
        return params

    @staticmethod
    def _verdict(job: Job) -> None:
        if "schedules" not in job.backend.capabilities:
            job.left_out("ScheduleExpression", _NO_SCHEDULE)
            return
        arn = (job.get("Target") or {}).get("Arn")
        reason = targets.unsupported(arn) if isinstance(arn, str) else ""
        if reason:
            job.left_out("Target.Arn", reason)

    def update(self, job: Job, made: Made) -> Made:
        """UpdateSchedule, with everything that is wanted."""
        job.call("scheduler", "update_schedule", self._params(job, made.physical_id), _TABLE)
        self._verdict(job)
        return made

    def delete(self, job: Job, made: Made) -> None:
        """DeleteSchedule."""
        params = {"Name": made.physical_id, **job.pick({"GroupName": "GroupName"})}
        job.call("scheduler", "delete_schedule", params)
