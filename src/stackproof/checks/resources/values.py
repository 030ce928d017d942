"""Comparing values that may be unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stackproof.template.model import Unknown


def number(value: Any) -> float | None:
    """A number, also one that is written as a string; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def truth(value: Any) -> bool | None:
    """A boolean, also one that is written as a string; absent is False; None when it is unknown."""
    if isinstance(value, Unknown):
        answers = {truth(item) for item in value.values}
        return answers.pop() if len(answers) == 1 else None
    return value is True or (isinstance(value, str) and value.lower() == "true")


def holds(test: Callable[..., bool], *values: Any) -> bool | None:
    """``test`` over values of which some may be unknown: None unless every possible value agrees."""
    for position, value in enumerate(values):
        if isinstance(value, Unknown):
            if not value.values:
                return None
            answers = {
                holds(test, *values[:position], option, *values[position + 1 :]) for option in value.values
            }
            return answers.pop() if len(answers) == 1 else None
    return test(*values)


def unknowns_of(*values: Any) -> tuple[Unknown, ...]:
    """Those of the values that are unknown."""
    return tuple(value for value in values if isinstance(value, Unknown))
