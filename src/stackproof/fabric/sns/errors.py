"""The errors of SNS as AWS words them."""

from __future__ import annotations

from stackproof.fabric import arns
from stackproof.fabric.service import ServiceError


def invalid(message: str) -> ServiceError:
    """InvalidParameter."""
    return ServiceError("InvalidParameter", f"Invalid parameter: {message}")


def plain(message: str) -> ServiceError:
    """InvalidParameter whose message lacks the usual beginning."""
    return ServiceError("InvalidParameter", message)


def not_found(what: str) -> ServiceError:
    """NotFound: ``Topic``, ``Subscription``, ``Endpoint``, ``PlatformApplication``."""
    return ServiceError("NotFound", f"{what} does not exist", status=404)


def null_member(name: str) -> ServiceError:
    """ValidationError for a map that is empty on the wire."""
    message = (
        f"1 validation error detected: Value null at '{name}' failed to satisfy constraint: "
        "Member must not be null"
    )
    return ServiceError("ValidationError", message)


def check_arn(value: str | None, parameter: str) -> arns.Arn:
    """The parsed ARN, or AWS's complaint about its number of fields."""
    if value is None:
        raise invalid(f"{parameter} Reason: no value for required parameter")
    count = len(value.split(":"))
    if count < 6:
        raise invalid(f"{parameter} Reason: An ARN must have at least 6 elements, not {count}")
    parsed = arns.parse(value)
    if parsed is None:
        raise invalid(parameter)
    return parsed
