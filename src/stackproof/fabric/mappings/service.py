"""The operations on event source mappings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stackproof.fabric import arns, patterns
from stackproof.fabric.functions import errors
from stackproof.fabric.functions.admin import paged
from stackproof.fabric.mappings import sources
from stackproof.fabric.mappings.model import EventSourceMapping, Source
from stackproof.fabric.service import Caller, Operation, Params, Response

if TYPE_CHECKING:
    from stackproof.fabric.functions.service import LambdaService

_KEPT = (
    "BisectBatchOnFunctionError", "DestinationConfig", "KMSKeyArn", "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts", "MetricsConfig", "ParallelizationFactor", "ProvisionedPollerConfig",
    "StartingPosition", "StartingPositionTimestamp", "TumblingWindowInSeconds",
)  # fmt: skip

MOST_FILTERS = 5
"""Source: developer guide of Lambda, "Control which events Lambda sends to your function"."""


class Mappings:
    """``table`` holds the mappings by UUID."""

    def __init__(self, service: LambdaService) -> None:
        self.service = service
        self.world = service.world
        self.table: dict[str, EventSourceMapping] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._sources: dict[str, Source] = {}
        self.operations: Mapping[str, Operation] = {
            "CreateEventSourceMapping": self.create,
            "UpdateEventSourceMapping": self.update,
            "GetEventSourceMapping": self.get,
            "DeleteEventSourceMapping": self.delete,
            "ListEventSourceMappings": self.list,
        }

    def source(self, arn: str) -> Source:
        """Who polls a source; raises InvalidParameterValueException for a kind that is not emulated."""
        parsed = arns.parse(arn)
        kind = parsed.service if parsed else ""
        found = self._sources.get(kind)
        if found is None:
            made = sources.make(kind, self)
            if made is None:
                raise errors.invalid(
                    f"Unrecognized event source, must be one of {sorted(sources.SOURCES)}: {arn}"
                )
            found = self._sources[kind] = made
        return found

    # Operations.

    def create(self, params: Params, caller: Caller) -> Response:
        """A mapping in state Creating; it polls from the next piece of work on."""
        source_arn = params.get("EventSourceArn")
        if not source_arn:
            raise errors.invalid("Unrecognized event source.")
        function, what = self._find(params, caller)
        source = self.source(source_arn)
        version = self.service.resolve(function, what.qualifier)
        source.check(params, int(version.config["Timeout"]), caller)
        self._check_unique(source_arn, function.arn, what.qualifier)
        identifier = self.world.ids.uuid()
        mapping = EventSourceMapping(
            identifier,
            arns.arn("lambda", caller.region, caller.account, f"event-source-mapping:{identifier}"),
            source_arn, function.arn, what.qualifier, caller.account, caller.region, self.world.clock.now,
            params.get("BatchSize") or source.batch_size,
            params.get("MaximumBatchingWindowInSeconds") or 0,
            params.get("Enabled") is not False,
            tuple(params.get("FunctionResponseTypes") or ()),
            (params.get("ScalingConfig") or {}).get("MaximumConcurrency"),
            *parse_filters(params),
            _kept(params),
        )  # fmt: skip
        self.table[identifier] = mapping
        self._tags[mapping.arn] = dict(params.get("Tags") or {})
        if mapping.enabled:
            source.place(mapping)
            self.world.scheduler.soon(f"start mapping {identifier[:8]}", self._start, identifier)
        return self._shown(mapping, "Creating" if mapping.enabled else "Disabled")

    def _find(self, params: Params, caller: Caller) -> Any:
        function, what = self.service.find({"FunctionName": params["FunctionName"]}, caller)
        return function, what

    def _check_unique(self, source: str, function: str, qualifier: str) -> None:
        for mapping in self.table.values():
            if (mapping.source, mapping.function, mapping.qualifier) == (source, function, qualifier):
                parsed = arns.parse(source)
                kind = parsed.service.upper() if parsed else ""
                queue = kind == "SQS"
                named = f"An event source mapping with {kind}" if queue else "The event source"
                end = "" if queue else " provided mapping"
                raise errors.conflict(
                    f'{named} arn (" {source} ") and function (" {arns.last(function)} "){end} already '
                    f"exists. Please update or delete the existing mapping with UUID {mapping.uuid}"
                )

    def _start(self, identifier: str) -> None:
        mapping = self.table.get(identifier)
        if mapping is not None and mapping.enabled:
            self.source(mapping.source).start(mapping)

    def _mapping(self, params: Params) -> EventSourceMapping:
        mapping = self.table.get(params["UUID"])
        if mapping is None:
            raise errors.not_found("The resource you requested does not exist.")
        return mapping

    def update(self, params: Params, caller: Caller) -> Response:
        """Change what is given; polling goes on with the new settings."""
        mapping = self._mapping(params)
        source = self.source(mapping.source)
        changes: dict[str, Any] = {"modified": self.world.clock.now}
        if params.get("FunctionName"):
            function, what = self._find(params, caller)
            changes.update(function=function.arn, qualifier=what.qualifier)
        merged = {**_settings(mapping), **{key: value for key, value in params.items() if value is not None}}
        target = self.service.functions.get(changes.get("function", mapping.function))
        timeout = int(target.latest.config["Timeout"]) if target else 0
        source.check({**merged, "EventSourceArn": mapping.source}, timeout, caller)
        changes["filters"], changes["patterns"] = parse_filters(merged)
        changes.update(
            batch_size=merged["BatchSize"], window=merged["MaximumBatchingWindowInSeconds"],
            enabled=merged["Enabled"], reports=tuple(merged["FunctionResponseTypes"]),
            concurrency=(merged.get("ScalingConfig") or {}).get("MaximumConcurrency"),
            given={**mapping.given, **_kept(params)},
        )  # fmt: skip
        updated = replace(mapping, **changes)
        self.table[mapping.uuid] = updated
        source.stop(mapping)
        if updated.enabled:
            self.world.scheduler.soon(f"start mapping {mapping.uuid[:8]}", self._start, mapping.uuid)
        state = "Updating"
        if mapping.enabled != updated.enabled:
            state = "Enabling" if updated.enabled else "Disabling"
        return self._shown(updated, state)

    def get(self, params: Params, caller: Caller) -> Response:
        """One mapping in its settled state."""
        mapping = self._mapping(params)
        return self._shown(mapping, "Enabled" if mapping.enabled else "Disabled")

    def delete(self, params: Params, caller: Caller) -> Response:
        """Polls no more; what is in flight comes to its end."""
        mapping = self._mapping(params)
        del self.table[mapping.uuid]
        self._tags.pop(mapping.arn, None)
        self.source(mapping.source).stop(mapping)
        return self._shown(mapping, "Deleting")

    def list(self, params: Params, caller: Caller) -> Response:
        """The mappings of a source, of a function, or all."""
        found = [m for m in self.table.values() if (m.account, m.region) == (caller.account, caller.region)]
        if params.get("EventSourceArn"):
            found = [m for m in found if m.source == params["EventSourceArn"]]
        if params.get("FunctionName"):
            from stackproof.fabric.functions.names import named

            what = named(params["FunctionName"], caller)
            found = [m for m in found if m.function == what.arn and what.qualifier in ("", m.qualifier)]
        shown = [self._shown(m, "Enabled" if m.enabled else "Disabled") for m in found]
        return {"EventSourceMappings": [], **paged("EventSourceMappings", shown, params)}

    def tags_of(self, arn: str) -> dict[str, str] | None:
        """The tags of a mapping, to be changed in place; None when ``arn`` is no mapping."""
        return self._tags.get(arn)

    def _shown(self, mapping: EventSourceMapping, state: str) -> Response:
        source = self.source(mapping.source)
        given = {name: value for name, value in mapping.given.items() if value != {}}
        answer: Response = {
            "UUID": mapping.uuid, "EventSourceMappingArn": mapping.arn, "EventSourceArn": mapping.source,
            "FunctionArn": mapping.target, "BatchSize": mapping.batch_size,
            "MaximumBatchingWindowInSeconds": mapping.window,
            "LastModified": datetime.fromtimestamp(mapping.modified, UTC),
            "State": state, "StateTransitionReason": "USER_INITIATED",
            "FunctionResponseTypes": [*mapping.reports], **source.shown, **given,
        }  # fmt: skip
        if mapping.filters:
            answer["FilterCriteria"] = {"Filters": [{"Pattern": text} for text in mapping.filters]}
        if mapping.concurrency is not None:
            answer["ScalingConfig"] = {"MaximumConcurrency": mapping.concurrency}
        result = source.result(mapping.uuid)
        if result:
            answer["LastProcessingResult"] = result
        return answer

    # Snapshots.

    def snapshot(self) -> Any:
        """All mappings and what their pollers hold."""
        polled = {kind: source.snapshot() for kind, source in self._sources.items()}
        return dict(self.table), {arn: dict(tags) for arn, tags in self._tags.items()}, polled

    def restore(self, state: Any) -> None:
        """Back to a snapshot, in place."""
        table, tags, polled = state
        self.table = dict(table)
        self._tags = {arn: dict(found) for arn, found in tags.items()}
        for kind in [kind for kind in self._sources if kind not in polled]:
            del self._sources[kind]
        for kind, kept in polled.items():
            self._sources[kind].restore(kept)


def _settings(mapping: EventSourceMapping) -> dict[str, Any]:
    """A mapping as the parameters that would make it."""
    settings: dict[str, Any] = {
        "BatchSize": mapping.batch_size, "MaximumBatchingWindowInSeconds": mapping.window,
        "Enabled": mapping.enabled, "FunctionResponseTypes": list(mapping.reports),
        "FilterCriteria": {"Filters": [{"Pattern": text} for text in mapping.filters]},
    }  # fmt: skip
    if mapping.concurrency is not None:
        settings["ScalingConfig"] = {"MaximumConcurrency": mapping.concurrency}
    return settings


def _kept(params: Params) -> dict[str, Any]:
    return {name: params[name] for name in _KEPT if params.get(name) is not None}


def parse_filters(params: Params) -> tuple[tuple[str, ...], tuple[dict[str, Any], ...]]:
    """The filter patterns of a request, as given and parsed."""
    texts: list[str] = []
    parsed: list[dict[str, Any]] = []
    given = (params.get("FilterCriteria") or {}).get("Filters") or ()
    if len(given) > MOST_FILTERS:
        raise errors.invalid(f"An event source has at most {MOST_FILTERS} filters; {len(given)} were given.")
    for entry in given:
        text = entry.get("Pattern", "{}")
        try:
            pattern = json.loads(text)
            patterns.check(pattern)
        except (ValueError, patterns.InvalidPattern) as error:
            raise errors.invalid("Invalid filter pattern definition.") from error
        texts.append(text)
        parsed.append(pattern)
    return tuple(texts), tuple(parsed)
