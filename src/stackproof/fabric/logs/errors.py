"""Errors of CloudWatch Logs."""

from __future__ import annotations

from stackproof.fabric.service import ServiceError


def invalid(message: str) -> ServiceError:
    """InvalidParameterException."""
    return ServiceError("InvalidParameterException", message)


def missing(what: str) -> ServiceError:
    """ResourceNotFoundException."""
    return ServiceError("ResourceNotFoundException", f"The specified {what} does not exist.")


def limit() -> ServiceError:
    """LimitExceededException."""
    return ServiceError("LimitExceededException", "Resource limit exceeded.")
