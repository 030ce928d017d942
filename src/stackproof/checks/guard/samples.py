"""Sample values: what an unknown could be."""

from __future__ import annotations

from collections.abc import Iterable

from stackproof.checks.guard.worlds import ClassKey, key_of
from stackproof.model import JSON
from stackproof.template.model import Unknown


def fresh_values(unknowns: Iterable[Unknown]) -> dict[ClassKey, JSON]:
    """A value for each class of unknowns that no rule could have meant."""
    return {key_of(unknown): "unknown" for unknown in unknowns}
