"""Hypothesis strategies for whole filters: messages that satisfy a policy, and messages that miss it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from stackproof.proofs.leaves import MISSING, Strategy, numbers, satisfying, scalars, texts, violating

Tree = Mapping[str, Any]


def bodies(policy: Tree) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that satisfy a policy on the body, with fields besides."""
    return st.tuples(st.dictionaries(st.sampled_from(["note", "extra"]), scalars), _object(policy)).map(
        lambda pair: {**pair[0], **pair[1]}
    )


def missing_bodies(
    policy: Tree, matches: Callable[[dict[str, Any]], bool]
) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that do not satisfy it: one field is wrong, or it is not there."""
    return st.tuples(bodies(policy), _broken(policy)).map(_overlaid).filter(lambda body: not matches(body))


def _overlaid(pair: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    base, broken = pair
    found = dict(base)
    for key, value in broken.items():
        if value is MISSING:
            found.pop(key, None)
        elif isinstance(value, dict):
            below = found.get(key)
            found[key] = _overlaid((below if isinstance(below, dict) else {}, value))
        else:
            found[key] = value
    return found


def _object(policy: Tree) -> Strategy:
    plain = {key: wanted for key, wanted in policy.items() if key != "$or"}
    fields = st.fixed_dictionaries({key: _field(wanted) for key, wanted in plain.items()})
    either = policy.get("$or")
    if isinstance(either, list):
        alternatives = st.one_of([_object(one) for one in either])
        return st.tuples(fields, alternatives).map(lambda pair: {**_present(pair[0]), **pair[1]})
    return fields.map(_present)


def _present(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if value is not MISSING}


def _field(wanted: Any) -> Strategy:
    return _object(wanted) if isinstance(wanted, Mapping) else satisfying(wanted)


def _broken(policy: Tree) -> Strategy:
    """Wrong values for some of the fields, at least one; ``MISSING`` takes a field away."""
    flat: dict[str, Any] = {key: wanted for key, wanted in policy.items() if key != "$or"}
    for one in policy.get("$or") or ():
        flat |= {key: wanted for key, wanted in one.items() if key != "$or"}
    wrong = {
        key: _broken(wanted) | st.just(MISSING) if isinstance(wanted, Mapping) else violating(wanted)
        for key, wanted in flat.items()
    }
    keys = sorted(wrong)
    if "$or" in policy:
        return st.fixed_dictionaries(wrong)
    chosen = st.lists(st.sampled_from(keys), min_size=1, max_size=len(keys), unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: wrong[name] for name in names}))


def attribute(value: Any) -> dict[str, str]:
    """A JSON scalar as a message attribute: text, a number, or a list of one."""
    if isinstance(value, str) and value:
        return {"DataType": "String", "StringValue": value}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"DataType": "Number", "StringValue": json.dumps(value)}
    return {"DataType": "String.Array", "StringValue": json.dumps([value])}


def as_attributes(values: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Values by name as message attributes."""
    return {name: attribute(value) for name, value in values.items()}


documents: Strategy = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
"""Any JSON."""
objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(texts, documents, max_size=4)
"""JSON objects."""
attributes: st.SearchStrategy[dict[str, dict[str, str]]] = st.dictionaries(
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=10),
    (texts | numbers).map(attribute),
    max_size=3,
)
"""Message attributes."""
