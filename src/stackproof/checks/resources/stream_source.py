"""A function can only read the stream of a table that has one."""

from __future__ import annotations

from collections.abc import Iterator

from stackproof.checks.resources.rule import Hit, Rule, describe
from stackproof.checks.resources.stack import Stack
from stackproof.checks.resources.wiring import mappings


def _examine(stack: Stack) -> Iterator[Hit]:
    for mapping, table, _ in mappings(stack, "AWS::DynamoDB::Table"):
        if table.get("StreamSpecification") is None:
            message = (
                f"The table {table.id} has no stream: its StreamArn does not exist and the deployment fails; "
                f"add StreamSpecification to the table"
            )
            yield Hit(mapping.at("EventSourceArn"), message, (table.id,))
        elif mapping.get("StartingPosition") is None:
            message = "A mapping of a stream needs a StartingPosition: set LATEST or TRIM_HORIZON"
            yield Hit(mapping.path, message, (table.id,))


RULE = Rule(
    describe(
        "STREAM-SOURCE",
        "A table whose stream is read has a stream",
        why="Without StreamSpecification the table has no StreamArn to map.",
        fix="Add StreamSpecification with a StreamViewType to the table.",
        source="https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html",
    ),
    _examine,
)
