"""What Lambda refuses of the settings of a mapping (API reference, CreateEventSourceMapping)."""

from __future__ import annotations

from stackproof.fabric import arns
from stackproof.fabric.functions import errors
from stackproof.fabric.service import Params

_RANGES = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "ParallelizationFactor": (1, 10),
    "MaximumRetryAttempts": (-1, 10_000),
    "MaximumRecordAgeInSeconds": (-1, 604_800),
    "TumblingWindowInSeconds": (0, 900),
}
_DESTINATIONS = ("sqs", "sns", "s3")
_STREAMS_ONLY = (
    "ParallelizationFactor", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "TumblingWindowInSeconds",
    "BisectBatchOnFunctionError", "StartingPositionTimestamp",
)  # fmt: skip
LEAST_AGE = 60


def check(params: Params, positions: tuple[str, ...]) -> None:
    """Raise for settings out of their bounds. ``positions``: the starting positions that the source knows."""
    for name, (low, high) in _RANGES.items():
        value = params.get(name)
        if value is not None and not low <= value <= high:
            bound = f"greater than or equal to {low}" if value < low else f"less than or equal to {high}"
            member = name[0].lower() + name[1:]
            raise errors.validation(value, member, f"Member must have value {bound}")
    age = params.get("MaximumRecordAgeInSeconds")
    if age is not None and -1 < age < LEAST_AGE:
        raise errors.invalid(
            f"MaximumRecordAgeInSeconds must be -1 or at least {LEAST_AGE} seconds, it is {age}."
        )
    if (params.get("ScalingConfig") or {}).get("MaximumConcurrency") is not None:
        raise errors.invalid("ScalingConfig is only supported for Amazon SQS event sources.")
    if "UUID" not in params:
        _check_position(params, positions)
    _check_destination(params)


def refuse_streams_only(params: Params) -> None:
    """Raise for settings that a queue has not, in the API's words.

    What amounts to nothing passes: BisectBatchOnFunctionError false, a DestinationConfig without a target.
    """
    if params.get("StartingPosition") is not None:
        raise errors.invalid("StartingPosition is not valid for SQS event sources.")
    given = [name for name in _STREAMS_ONLY if params.get(name) is not None and params[name] is not False]
    if ((params.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination"):
        given.append("DestinationConfig")
    for name in given:
        member = name[0].lower() + name[1:]
        raise errors.invalid(f"Unsupported '{member}' parameter for given event source mapping type.")


def _check_position(params: Params, positions: tuple[str, ...]) -> None:
    position = params.get("StartingPosition")
    if position is None:
        raise errors.invalid(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
    if position not in positions:
        raise errors.invalid(
            f"Unsupported starting position for arn type: {params['EventSourceArn']}"
            if position in ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
            else f"Unknown starting position: {position}"
        )
    if position == "AT_TIMESTAMP" and params.get("StartingPositionTimestamp") is None:
        raise errors.invalid("StartingPositionTimestamp must be specified for AT_TIMESTAMP.")


def _check_destination(params: Params) -> None:
    target = ((params.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    parsed = arns.parse(target) if target else None
    if target and (parsed is None or parsed.service not in _DESTINATIONS):
        raise errors.invalid(
            f"Invalid DestinationConfig: {target} is none of an SQS queue, an SNS topic and an S3 bucket."
        )
