"""Errors as CloudWatch answers them."""

from __future__ import annotations

from stackproof.fabric.service import ServiceError


def invalid(message: str) -> ServiceError:
    """A value is out of bounds."""
    return ServiceError("InvalidParameterValue", message, query_code="InvalidParameterValueException")


def combination(message: str) -> ServiceError:
    """Values exclude each other."""
    return ServiceError(
        "InvalidParameterCombination", message, query_code="InvalidParameterCombinationException"
    )


def validation(message: str) -> ServiceError:
    """A request that makes no sense as a whole."""
    return ServiceError("ValidationError", message)


def missing(message: str) -> ServiceError:
    """Something required is not given."""
    return ServiceError("MissingParameter", message, query_code="MissingRequiredParameterException")


def not_found(message: str = "") -> ServiceError:
    """No such alarm."""
    return ServiceError("ResourceNotFound", message, status=404, query_code="ResourceNotFound")


def not_emulated(what: str) -> ServiceError:
    """Something that CloudWatch has and the fabric does not."""
    return ServiceError("NotImplemented", f"not emulated: CloudWatch {what}", status=501)
