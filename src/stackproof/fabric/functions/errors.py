"""The errors of the Lambda API."""

from __future__ import annotations

from stackproof.fabric.service import ServiceError


def user(code: str, message: str, status: int = 400, **extra: object) -> ServiceError:
    """A client's error, with the members that the error shapes of the API have."""
    return ServiceError(code, message, status=status, extra={"Type": "User", "message": message, **extra})


def invalid(message: str) -> ServiceError:
    """InvalidParameterValueException."""
    return user("InvalidParameterValueException", message)


def conflict(message: str) -> ServiceError:
    """ResourceConflictException."""
    return user("ResourceConflictException", message, 409)


def not_found(message: str) -> ServiceError:
    """ResourceNotFoundException; its shape spells the member ``Message``."""
    extra = {"Type": "User", "Message": message}
    return ServiceError("ResourceNotFoundException", message, status=404, extra=extra)


def no_function(arn: str) -> ServiceError:
    """The function, version or alias does not exist."""
    return not_found(f"Function not found: {arn}")


def validation(value: object, member: str, constraint: str) -> ServiceError:
    """ValidationException in the API's wording."""
    return ServiceError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
        f"{constraint}",
    )


def throttled(reason: str) -> ServiceError:
    """TooManyRequestsException; ``reason`` is one of the API's reasons."""
    extra = {"Reason": reason, "retryAfterSeconds": "0"}
    return user("TooManyRequestsException", "Rate Exceeded.", 429, **extra)


def too_large(limit: int, size: int) -> ServiceError:
    """RequestTooLargeException."""
    return user("RequestTooLargeException", f"{size} byte payload is too large for the RequestResponse "
                f"invocation type (limit {limit} bytes)", 413)  # fmt: skip


def too_large_event(limit: int, size: int) -> ServiceError:
    """RequestTooLargeException of an asynchronous invocation."""
    return user("RequestTooLargeException", f"{size} byte payload is too large for the Event invocation type "
                f"(limit {limit} bytes)", 413)  # fmt: skip


def not_json(detail: str) -> ServiceError:
    """InvalidRequestContentException: the payload is no JSON."""
    return user("InvalidRequestContentException", f"Could not parse request body into json: {detail}")
