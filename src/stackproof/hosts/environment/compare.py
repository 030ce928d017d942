"""What differs between a deployed stack and its description."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from stackproof.errors import CapabilityMissing
from stackproof.hosts.environment.details import Details, ResourceDetails
from stackproof.hosts.environment.reading import Clients, properties
from stackproof.hosts.stacks import NotThere, Stacks
from stackproof.model import Finding, Judged, Location, Outcome, RuleInfo
from stackproof.verdict.outcome import RunOutcome

RULES = {
    "SP-ENV-STACK": "Every stack that is described is deployed",
    "SP-ENV-OUTPUT": "Every output that is described is there with its value",
    "SP-ENV-RESOURCE": "Every resource that is described is there with its type",
    "SP-ENV-PROPERTY": "Every property that is described has its value",
    "SP-ENV-UNREAD": "Every property that is described can be asked for",
}


def compare(details: Details, name: str, stacks: Stacks, clients: Clients) -> Iterator[Finding]:
    """A finding for each difference, at the line of the description.

    Raises ``BackendError`` when nobody can be asked: what is not known differs in nothing.
    """
    yield from _stack(details, name, name, stacks, clients)


def outcome(details: Details, name: str, findings: tuple[Finding, ...]) -> RunOutcome:
    """The findings as the verdict room takes them: a part of what inspect is, never all of it."""
    rules = tuple(RuleInfo(one, title, engine="validate-env") for one, title in RULES.items())
    return RunOutcome(
        pillar="inspect",
        findings=findings,
        judged=(Judged(details.file, (name,), len(findings)),),
        rules=rules,
        complete=False,
        partial_because=f"only {details.file}",
        stats={"findings": float(len(findings))},
    )


def _stack(details: Details, name: str, shown: str, stacks: Stacks, clients: Clients) -> Iterator[Finding]:
    try:
        outputs = stacks.outputs(name)
    except NotThere as error:
        yield _finding("SP-ENV-STACK", shown, f"{shown} is not deployed: {error}", details.location)
        return
    for output, wanted in details.outputs.items():
        if output not in outputs:
            yield _finding("SP-ENV-OUTPUT", shown, f"{shown}: output {output} is missing", wanted.location)
        elif wanted.value and not re.fullmatch(wanted.value, outputs[output]):
            text = f"{shown}: output {output} is '{outputs[output]}', expected {wanted.value}"
            if stacks.invented(name):
                text += "; values of what the backend does not emulate are made up"
                yield _finding("SP-ENV-UNREAD", shown, text, wanted.location, Outcome.UNDECIDED)
                continue
            yield _finding("SP-ENV-OUTPUT", shown, text, wanted.location)
    for logical_id, resource in details.resources.items():
        yield from _resource(resource, name, logical_id, shown, stacks, clients)
    for child, own in details.children.items():
        try:
            kind, physical_id = stacks.resource(name, child)
        except NotThere:
            kind, physical_id = "", ""
        if kind != "AWS::CloudFormation::Stack":
            text = f"{shown}: child stack {child} is missing"
            yield _finding("SP-ENV-STACK", shown, text, own.location)
            continue
        yield from _stack(own, physical_id, f"{shown}/{child}", stacks, clients)


def _resource(
    wanted: ResourceDetails, name: str, logical_id: str, shown: str, stacks: Stacks, clients: Clients
) -> Iterator[Finding]:
    place = f"{shown}/{logical_id}"
    missing = f"{shown}: resource {logical_id} of type {wanted.type} is missing"
    try:
        kind, physical_id = stacks.resource(name, logical_id)
    except NotThere:
        yield _finding("SP-ENV-RESOURCE", place, missing, wanted.location)
        return
    if kind != wanted.type:
        yield _finding("SP-ENV-RESOURCE", place, f"{missing}: it is {kind}", wanted.location)
        return
    if not wanted.properties:
        return
    if logical_id in stacks.invented(name):
        text = f"{place}: the backend does not emulate {kind}, its properties cannot be asked for"
        yield _finding("SP-ENV-UNREAD", place, text, wanted.location, Outcome.UNDECIDED)
        return
    try:
        found = properties(kind, physical_id, tuple(wanted.properties), clients)
    except LookupError:
        text = f"{place}: the service knows no {wanted.type} '{physical_id}'"
        yield _finding("SP-ENV-RESOURCE", place, text, wanted.location)
        return
    except CapabilityMissing as error:
        yield _finding("SP-ENV-UNREAD", place, f"{place}: {error}", wanted.location, Outcome.UNDECIDED)
        return
    for key, one in wanted.properties.items():
        if not same(one.value, found[key]):
            text = f"{place}: {key} is {_said(found[key])}, expected {_said(one.value)}"
            yield _finding("SP-ENV-PROPERTY", place, text, one.location)


def same(wanted: Any, found: Any) -> bool:
    """Whether a service reports what is wanted: lists in any order, more keys than asked for are fine.

    A service writes some numbers and booleans as text: ``60`` is ``"60"``, ``true`` is ``"true"``.
    """
    if isinstance(wanted, dict):
        inside = isinstance(found, dict)
        return inside and all(key in found and same(one, found[key]) for key, one in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return False
        left = list(found)
        for one in wanted:
            hit = next((index for index, other in enumerate(left) if same(one, other)), None)
            if hit is None:
                return False
            del left[hit]
        return True
    if isinstance(wanted, bool) or isinstance(found, bool):
        return str(wanted).lower() == str(found).lower()
    return str(wanted) == str(found)


def _said(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, default=str)


def _finding(
    rule: str, place: str, message: str, location: Location, outcome: Outcome = Outcome.FAIL
) -> Finding:
    return Finding(
        rule=rule,
        message=message,
        location=location,
        outcome=outcome,
        source="validate-env",
        logical_id=place.rpartition("/")[2],
        path=tuple(place.split("/")),
    )
