"""Which kinds of event sources there are: the service in the source's ARN, and who polls it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackproof.fabric.mappings.model import Source

SOURCES: dict[str, str] = {
    "dynamodb": "stackproof.fabric.mappings.dynamodb:TableSource",
    "kinesis": "stackproof.fabric.mappings.kinesis:KinesisSource",
    "sqs": "stackproof.fabric.mappings.sqs:SqsSource",
}
"""The third field of an ARN to ``module:factory``; the factory gets the ``Mappings``."""


def make(kind: str, mappings: Any) -> Source | None:
    """The poller for a kind of source; None when there is none."""
    named = SOURCES.get(kind)
    if named is None:
        return None
    module, _, attribute = named.partition(":")
    source: Source = getattr(import_module(module), attribute)(mappings)
    return source
