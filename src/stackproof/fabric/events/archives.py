"""Archives and replays.

Source: EventBridge user guide, "Archiving and replaying events": an archive is a managed rule of its bus
whose target keeps the events; a replay puts what lies in a time range on the same bus again, ordered by
time in steps of one minute, marked with ``replay-name`` (which archives leave out). A step takes one
virtual second here; AWS names no time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns
from stackproof.fabric.events import errors
from stackproof.fabric.events.model import ARCHIVER, Archive, Event, Replay, Rule, compact, moment, rule_arn
from stackproof.fabric.events.pages import page
from stackproof.fabric.events.rules import parse_pattern
from stackproof.fabric.service import Caller, Operation, Params, Response, ServiceError

if TYPE_CHECKING:
    from stackproof.fabric.events.service import EventsService

_NOT_REPLAYED: dict[str, Any] = {"replay-name": [{"exists": False}]}
_DAY_MS = 86_400_000
_RUNNING = ("STARTING", "RUNNING")


class Archives:
    """``table`` and ``replays`` are kept by ARN."""

    def __init__(self, service: EventsService) -> None:
        self._service = service
        self._world = service.world
        self.table: dict[str, Archive] = {}
        self.replays: dict[str, Replay] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateArchive": self.create,
            "UpdateArchive": self.update,
            "DeleteArchive": self.delete,
            "DescribeArchive": self.describe,
            "ListArchives": self.list,
            "StartReplay": self.start,
            "CancelReplay": self.cancel,
            "DescribeReplay": self.describe_replay,
            "ListReplays": self.list_replays,
        }

    # Archives.

    def _archive(self, name: str, caller: Caller) -> Archive:
        found = self.table.get(_arn("archive", name, caller))
        if found is None:
            raise errors.not_found(f"Archive {name} does not exist.")
        return found

    def create(self, params: Params, caller: Caller) -> Response:
        """An archive, and its managed rule on the bus."""
        name = params["ArchiveName"]
        arn = _arn("archive", name, caller)
        if arn in self.table:
            raise errors.exists("Archive", name)
        bus = self._service.bus(params["EventSourceArn"], caller)
        if params.get("EventPattern"):
            parse_pattern(params["EventPattern"])
        archive = Archive(
            name, arn, bus.arn, self._world.clock.now, params.get("EventPattern") or "",
            params.get("Description") or "", params.get("RetentionDays") or 0,
            params.get("KmsKeyIdentifier") or "",
        )  # fmt: skip
        self.table[arn] = archive
        self._service.put_rule(self._rule(archive, caller.account))
        return {"ArchiveArn": arn, "State": "ENABLED", "CreationTime": moment(archive.created)}

    def _rule(self, archive: Archive, account: str) -> Rule:
        name = f"Events-Archive-{archive.name}"[:64]
        pattern = {**(json.loads(archive.pattern) if archive.pattern else {}), **_NOT_REPLAYED}
        parsed = arns.parse(archive.arn)
        region = parsed.region if parsed else ""
        target = {"Id": name, "Arn": f"arn:aws:events:{region}:::", "InputTransformer": {
            "InputPathsMap": {},
            "InputTemplate": compact({"archive-arn": archive.arn})[:-1]
            + ', "event": <aws.events.event.json>, "ingestion-time": <aws.events.event.ingestion-time>}',
        }}  # fmt: skip
        return Rule(
            name, rule_arn(name, archive.source), archive.source, account, self._world.clock.ms,
            pattern=compact(pattern), parsed=pattern, managed_by=ARCHIVER, targets={name: target},
        )  # fmt: skip

    def update(self, params: Params, caller: Caller) -> Response:
        """Pattern, retention and description; what is kept stays."""
        archive = self._archive(params["ArchiveName"], caller)
        if params.get("EventPattern"):
            parse_pattern(params["EventPattern"])
        retention = params.get("RetentionDays")
        changed = replace(
            archive,
            pattern=archive.pattern if params.get("EventPattern") is None else params["EventPattern"],
            description=archive.description if params.get("Description") is None else params["Description"],
            retention=archive.retention if retention is None else retention,
        )
        self.table[archive.arn] = changed
        self._service.put_rule(self._rule(changed, caller.account))
        return {"ArchiveArn": archive.arn, "State": "ENABLED", "CreationTime": moment(archive.created)}

    def delete(self, params: Params, caller: Caller) -> Response:
        """The archive with what it holds, and its rule."""
        archive = self._archive(params["ArchiveName"], caller)
        del self.table[archive.arn]
        rule = self._service.rules.get(self._rule(archive, caller.account).arn)
        if rule is not None:
            self._service.drop_rule(rule)
        return {}

    def orphan(self, bus: str) -> None:
        """A bus is gone, and the rules of its archives with it; the archives stay."""
        for rule in list(self._service.of_bus(bus)):
            self._service.drop_rule(rule)

    def describe(self, params: Params, caller: Caller) -> Response:
        """One archive; AWS's counters lag behind, these do not."""
        archive = self._aged(self._archive(params["ArchiveName"], caller))
        return {"ArchiveArn": archive.arn, **self._shown(archive), **_described(archive)}

    def list(self, params: Params, caller: Caller) -> Response:
        """The archives of the account and region."""
        found = [one for one in self.table.values() if one.arn == _arn("archive", one.name, caller)]
        if params.get("NamePrefix"):
            found = [one for one in found if one.name.startswith(params["NamePrefix"])]
        if params.get("EventSourceArn"):
            found = [one for one in found if one.source == params["EventSourceArn"]]
        if params.get("State"):
            found = found if params["State"] == "ENABLED" else []
        return page([self._shown(self._aged(one)) for one in found], params, "Archives")

    @staticmethod
    def _shown(archive: Archive) -> dict[str, Any]:
        return {
            "ArchiveName": archive.name,
            "EventSourceArn": archive.source,
            "State": "ENABLED",
            "RetentionDays": archive.retention,
            "SizeBytes": sum(len(compact(event).encode()) for _, event in archive.events),
            "EventCount": len(archive.events),
            "CreationTime": moment(archive.created),
        }

    def keep(self, rule: Rule, event: Event) -> None:
        """An event for the archive of a managed rule."""
        template = next(iter(rule.targets.values()))["InputTransformer"]["InputTemplate"]
        arn = template.split('"')[3]
        archive = self.table.get(arn)
        if archive is not None:
            when = int(datetime.fromisoformat(str(event.document["time"])).timestamp() * 1000)
            kept = (*self._aged(archive).events, (when, event.document))
            self.table[arn] = replace(archive, events=kept)
            self._world.journal.record(rule.name, "events.Archive", archive.name, {"id": event.id})

    def _aged(self, archive: Archive) -> Archive:
        """The archive without what is older than its retention."""
        if not archive.retention:
            return archive
        oldest = self._world.clock.ms - archive.retention * _DAY_MS
        return replace(archive, events=tuple(one for one in archive.events if one[0] >= oldest))

    # Replays.

    def start(self, params: Params, caller: Caller) -> Response:
        """A replay to the bus that the archive is of."""
        name = params["ReplayName"]
        arn = _arn("replay", name, caller)
        if arn in self.replays:
            raise errors.exists("Replay", name)
        archive = self.table.get(params["EventSourceArn"])
        if archive is None:
            missing = params["EventSourceArn"].rpartition("/")[2]
            raise _invalid("EventSourceArn", f"Archive {missing} does not exist.")
        destination = params["Destination"]
        if destination["Arn"] != archive.source:
            raise _invalid("Destination.Arn", "Cross event bus replay is not permitted.")
        start, end = _seconds(params["EventStartTime"]), _seconds(params["EventEndTime"])
        if end <= start:
            raise _invalid("EventEndTime", "EventStartTime must be before EventEndTime.")
        rules = tuple(destination.get("FilterArns") or ())
        self._service.bus(archive.source, caller)
        for rule in rules:
            if rule not in self._service.rules:
                raise _invalid("Destination.FilterArns", f"Rule {arns.last(rule)} does not exist.")
        self.replays[arn] = Replay(
            name, arn, archive.arn, archive.source, rules, start, end, self._world.clock.now,
            description=params.get("Description") or "",
        )  # fmt: skip
        self._world.scheduler.after(1, f"replay {name} starts", self._begin, arn)
        return {"ReplayArn": arn, "State": "STARTING", "ReplayStartTime": self._world.clock.datetime()}

    def _begin(self, arn: str) -> None:
        replay = self.replays.get(arn)
        if replay is None or self._cancelled(replay):
            return
        self.replays[arn] = replace(replay, state="RUNNING")
        archive = self.table.get(replay.archive)
        inside = [
            one
            for one in (self._aged(archive).events if archive else ())
            if replay.start <= one[0] / 1000 < replay.end
        ]
        inside.sort(key=lambda one: one[0])
        minutes = [
            tuple(event for _, event in group) for _, group in groupby(inside, lambda one: one[0] // 60_000)
        ]
        self._step(arn, tuple(minutes))

    def _step(self, arn: str, minutes: tuple[tuple[Mapping[str, Any], ...], ...]) -> None:
        replay = self.replays.get(arn)
        if replay is None or self._cancelled(replay):
            return
        if not minutes:
            self.replays[arn] = replace(replay, state="COMPLETED", ended=self._world.clock.now)
            return
        for event in minutes[0]:
            last = datetime.fromisoformat(str(event["time"])).timestamp()
            self.replays[arn] = replay = replace(replay, last=last)
            document = {**event, "replay-name": replay.name}
            self._world.journal.record(
                replay.name, "events.Replay", arns.last(replay.destination), {"id": event["id"]}
            )
            self._service.ingest(
                Event(document, replay.destination, self._world.clock.ms, rules=replay.rules)
            )
        self._world.scheduler.after(1, f"replay {replay.name}", self._step, arn, minutes[1:])

    def _cancelled(self, replay: Replay) -> bool:
        if replay.state == "CANCELLING":
            self.replays[replay.arn] = replace(replay, state="CANCELLED", ended=self._world.clock.now)
        return replay.state not in _RUNNING

    def _replay(self, params: Params, caller: Caller) -> Replay:
        found = self.replays.get(_arn("replay", params["ReplayName"], caller))
        if found is None:
            raise errors.not_found(f"Replay {params['ReplayName']} does not exist.")
        return found

    def cancel(self, params: Params, caller: Caller) -> Response:
        """What is not replayed yet stays in the archive only."""
        replay = self._replay(params, caller)
        if replay.state not in _RUNNING:
            raise ServiceError(
                "IllegalStatusException", f"Replay {replay.name} is not in a valid state for this operation."
            )
        self.replays[replay.arn] = replace(replay, state="CANCELLING")
        return {"ReplayArn": replay.arn, "State": "CANCELLING"}

    def describe_replay(self, params: Params, caller: Caller) -> Response:
        """One replay."""
        replay = self._replay(params, caller)
        destination: dict[str, Any] = {"Arn": replay.destination}
        if replay.rules:
            destination["FilterArns"] = list(replay.rules)
        shown = {"ReplayArn": replay.arn, **_replayed(replay), "Destination": destination}
        return {**shown, "Description": replay.description} if replay.description else shown

    def list_replays(self, params: Params, caller: Caller) -> Response:
        """The replays of the account and region."""
        found = [one for one in self.replays.values() if one.arn == _arn("replay", one.name, caller)]
        if params.get("NamePrefix"):
            found = [one for one in found if one.name.startswith(params["NamePrefix"])]
        if params.get("State"):
            found = [one for one in found if one.state == params["State"]]
        if params.get("EventSourceArn"):
            found = [one for one in found if one.archive == params["EventSourceArn"]]
        return page([_replayed(one) for one in found], params, "Replays")

    # Snapshots.

    def snapshot(self) -> Any:
        """Frozen data."""
        return dict(self.table), dict(self.replays)

    def restore(self, state: Any) -> None:
        """Back to a snapshot."""
        table, replays = state
        self.table, self.replays = dict(table), dict(replays)


def _arn(kind: str, name: str, caller: Caller) -> str:
    return arns.arn("events", caller.region, caller.account, f"{kind}/{name}")


def _invalid(parameter: str, reason: str) -> ServiceError:
    return errors.validation(f"Parameter {parameter} is not valid. Reason: {reason}")


def _seconds(value: Any) -> float:
    return float(value.timestamp()) if isinstance(value, datetime) else float(value)


def _described(archive: Archive) -> dict[str, Any]:
    optional = {
        "EventPattern": archive.pattern,
        "Description": archive.description,
        "KmsKeyIdentifier": archive.key,
    }
    return {name: value for name, value in optional.items() if value}


def _replayed(replay: Replay) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "ReplayName": replay.name, "EventSourceArn": replay.archive, "State": replay.state,
        "EventStartTime": moment(replay.start),
        "EventEndTime": moment(replay.end),
        "ReplayStartTime": moment(replay.started),
    }  # fmt: skip
    if replay.last:
        shown["EventLastReplayedTime"] = moment(replay.last)
    if replay.ended:
        shown["ReplayEndTime"] = moment(replay.ended)
    return shown
