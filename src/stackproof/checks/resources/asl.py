"""The structure of an Amazon States Language machine.

Source: https://states-language.net/spec.html and
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-amazon-states-language.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackproof.model import DocPath

Fault = tuple[DocPath, str]

_TYPES = frozenset({"Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"})
_WAITS = ("Seconds", "SecondsPath", "Timestamp", "TimestampPath")
_LONGEST_NAME = 80


def faults(machine: Any, path: DocPath = ()) -> Iterator[Fault]:
    """What is wrong with a machine, each with its path below ``path``."""
    if not isinstance(machine, Mapping):
        yield path, "The definition is no object: give StartAt and States"
        return
    states = machine.get("States")
    if not isinstance(states, Mapping) or not states:
        yield path, "The machine has no States"
        return
    start = machine.get("StartAt")
    if not _names(start, states):
        yield (*path, "StartAt") if "StartAt" in machine else path, f"StartAt names no state: {start!r}"
    for name, state in states.items():
        here = (*path, "States", name)
        if not isinstance(state, Mapping):
            yield here, f"The state {name} is no object"
            continue
        if len(str(name)) > _LONGEST_NAME:
            yield here, f"The name of a state has at most {_LONGEST_NAME} characters"
        yield from _state(str(name), state, states, here)
    if _names(start, states):
        yield from _paths(str(start), states, path)


def _names(name: Any, states: Mapping[str, Any]) -> bool:
    """Whether a value is the name of a state."""
    return isinstance(name, str) and name in states


def choices_without_default(machine: Any, path: DocPath = ()) -> Iterator[Fault]:
    """Choice states that fail when none of their rules matches."""
    for here, name, state in _all_states(machine, path):
        if state.get("Type") == "Choice" and "Default" not in state:
            yield (
                here,
                f"The choice {name} has no Default: input that matches no rule ends the execution "
                f"with an error",
            )


def _all_states(machine: Any, path: DocPath) -> Iterator[tuple[DocPath, str, Mapping[str, Any]]]:
    states = machine.get("States") if isinstance(machine, Mapping) else None
    for name, state in states.items() if isinstance(states, Mapping) else ():
        if isinstance(state, Mapping):
            here = (*path, "States", name)
            yield here, str(name), state
            for inner, inner_path in _machines(state, here):
                yield from _all_states(inner, inner_path)


def _machines(state: Mapping[str, Any], path: DocPath) -> Iterator[tuple[Any, DocPath]]:
    """The machines inside a Parallel or Map state."""
    branches = state.get("Branches")
    for index, branch in enumerate(branches if isinstance(branches, list) else ()):
        yield branch, (*path, "Branches", index)
    for key in ("ItemProcessor", "Iterator"):
        if key in state:
            yield state[key], (*path, key)


def _state(name: str, state: Mapping[str, Any], states: Mapping[str, Any], path: DocPath) -> Iterator[Fault]:
    kind = state.get("Type")
    if not isinstance(kind, str) or kind not in _TYPES:
        yield path, f"The state {name} has no known Type: {kind!r}"
        return
    yield from _transition(name, state, states, path)
    yield from _handlers(name, state, states, path)
    if kind == "Choice":
        yield from _choice(name, state, states, path)
    elif kind == "Task" and "Resource" not in state:
        yield path, f"The task {name} has no Resource"
    elif kind == "Wait" and sum(key in state for key in _WAITS) != 1:
        yield path, f"The state {name} waits for exactly one of {', '.join(_WAITS)}"
    elif kind == "Parallel" and not state.get("Branches"):
        yield path, f"The state {name} has no Branches"
    elif kind == "Map" and "ItemProcessor" not in state and "Iterator" not in state:
        yield path, f"The state {name} has no ItemProcessor"
    for inner, inner_path in _machines(state, path):
        yield from faults(inner, inner_path)


def _transition(
    name: str, state: Mapping[str, Any], states: Mapping[str, Any], path: DocPath
) -> Iterator[Fault]:
    kind, following, end = state["Type"], state.get("Next"), state.get("End")
    if kind in {"Choice", "Succeed", "Fail"}:
        for key in ("Next", "End"):
            if key in state:
                yield (*path, key), f"A {kind} state has no {key}: remove it from {name}"
        return
    if end is not None and end is not True:
        yield (*path, "End"), f"End of {name} is true or absent, not {end!r}"
    if following is not None and end:
        yield (*path, "End"), f"The state {name} has both Next and End: keep one"
    elif following is None and not end:
        yield path, f"The state {name} leads nowhere: add Next or End"
    if following is not None and not _names(following, states):
        yield (*path, "Next"), f"Next of {name} names no state: {following!r}"


def _choice(name: str, state: Mapping[str, Any], states: Mapping[str, Any], path: DocPath) -> Iterator[Fault]:
    rules = state.get("Choices")
    if not isinstance(rules, list) or not rules:
        yield path, f"The choice {name} has no Choices"
        return
    for index, rule in enumerate(rules):
        here = (*path, "Choices", index)
        if not isinstance(rule, Mapping):
            yield here, f"A rule of the choice {name} is no object"
            continue
        if "End" in rule:
            yield (
                (*here, "End"),
                f"A choice rule cannot end the machine: lead {name} to a Succeed state instead of End",
            )
        if "Next" not in rule:
            yield here, f"A rule of the choice {name} has no Next"
        elif not _names(rule["Next"], states):
            yield (*here, "Next"), f"Next in the choice {name} names no state: {rule['Next']!r}"
        for key in ("And", "Or", "Not"):
            inner = rule.get(key)
            for item in inner if isinstance(inner, list) else [inner]:
                if isinstance(item, Mapping) and "Next" in item:
                    yield (*here, key), f"Next stands in the outermost rule of the choice {name} only"
    if "Default" in state and not _names(state["Default"], states):
        yield (*path, "Default"), f"Default of the choice {name} names no state: {state['Default']!r}"


def _handlers(
    name: str, state: Mapping[str, Any], states: Mapping[str, Any], path: DocPath
) -> Iterator[Fault]:
    for key in ("Retry", "Catch"):
        items = state.get(key)
        if items is None:
            continue
        if state["Type"] not in {"Task", "Parallel", "Map"}:
            yield (*path, key), f"A {state['Type']} state has no {key}: remove it from {name}"
        for index, item in enumerate(items if isinstance(items, list) else ()):
            here = (*path, key, index)
            errors = item.get("ErrorEquals") if isinstance(item, Mapping) else None
            if not isinstance(errors, list) or not errors:
                yield here, f"{key} of {name} names no error: set ErrorEquals"
                continue
            if "States.ALL" in errors and (len(errors) > 1 or index < len(items) - 1):
                yield here, f"States.ALL stands alone and last: move it to the end of {key} of {name}"
            if key == "Catch" and not _names(item.get("Next"), states):
                yield here, f"Catch of {name} leads to no state: {item.get('Next')!r}"


def _paths(start: str, states: Mapping[str, Any], path: DocPath) -> Iterator[Fault]:
    """States that cannot be reached, and states from which the machine never ends."""
    edges = {str(name): set(_next(state)) & set(states) for name, state in states.items()}
    reached = _closure({start}, edges)
    for name in states:
        if name not in reached:
            yield (*path, "States", name), f"No path leads to the state {name}: remove it or lead to it"
    backwards: dict[str, set[str]] = {str(name): set() for name in states}
    for name, following in edges.items():
        for other in following:
            backwards[str(other)].add(name)
    # A state that leads nowhere is a fault of its own, not one of those before it.
    ends = {str(name) for name, state in states.items() if _ends(state) or not edges[str(name)]}
    leaving = _closure(ends, backwards)
    for name in states:
        if name in reached and name not in leaving:
            yield (*path, "States", name), f"From the state {name} the machine never ends: add a way out"


def _closure(start: set[str], edges: Mapping[str, set[str]]) -> set[str]:
    reached, waiting = set(start), list(start)
    while waiting:
        for following in edges[waiting.pop()]:
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    return reached


def _next(state: Any) -> Iterator[str]:
    if not isinstance(state, Mapping):
        return
    rules = state.get("Choices")
    catches = state.get("Catch")
    holders = [
        state,
        *(rules if isinstance(rules, list) else ()),
        *(catches if isinstance(catches, list) else ()),
    ]
    for holder in holders:
        if isinstance(holder, Mapping) and isinstance(holder.get("Next"), str):
            yield holder["Next"]
    if isinstance(state.get("Default"), str):
        yield state["Default"]


def _ends(state: Any) -> bool:
    return isinstance(state, Mapping) and (state.get("Type") in ("Succeed", "Fail") or bool(state.get("End")))
