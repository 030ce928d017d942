"""The errors of Kinesis."""

from __future__ import annotations

from stackproof.fabric.service import ServiceError


def _error(code: str, message: str) -> ServiceError:
    return ServiceError(code, message, extra={"message": message})


def no_stream(name: str, account: str) -> ServiceError:
    """The stream does not exist."""
    return _error("ResourceNotFoundException", f"Stream {name} under account {account} not found.")


def not_found(message: str) -> ServiceError:
    """ResourceNotFoundException."""
    return _error("ResourceNotFoundException", message)


def in_use(message: str) -> ServiceError:
    """ResourceInUseException."""
    return _error("ResourceInUseException", message)


def invalid(message: str) -> ServiceError:
    """InvalidArgumentException."""
    return _error("InvalidArgumentException", message)


def limit(message: str) -> ServiceError:
    """LimitExceededException."""
    return _error("LimitExceededException", message)


def validation(value: object, member: str, constraint: str) -> ServiceError:
    """ValidationException in the API's wording; ``value`` "" leaves the value out, as for blobs."""
    shown = f" '{value}'" if value != "" else ""
    return _error(
        "ValidationException",
        f"1 validation error detected: Value{shown} at '{member}' failed to satisfy constraint: {constraint}",
    )


def throughput(shard: str, stream: str, account: str) -> ServiceError:
    """ProvisionedThroughputExceededException."""
    return _error(
        "ProvisionedThroughputExceededException",
        f"Rate exceeded for shard {shard} in stream {stream} under account {account}.",
    )


def expired_iterator(created: str, now: str) -> ServiceError:
    """ExpiredIteratorException."""
    return _error(
        "ExpiredIteratorException",
        f"Iterator expired. The iterator was created at time {created} while right now it is {now} which is "
        "further in the future than the tolerated delay of 300000 milliseconds.",
    )


def expired_token() -> ServiceError:
    """ExpiredNextTokenException."""
    return _error("ExpiredNextTokenException", "The pagination token passed to the operation is expired.")


def not_emulated(operation: str, reason: str) -> ServiceError:
    """An operation that the fabric refuses loudly."""
    return ServiceError("NotImplemented", f"kinesis.{operation} is not emulated: {reason}", status=501)
