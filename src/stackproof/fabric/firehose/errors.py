"""Errors of Firehose."""

from __future__ import annotations

from stackproof.fabric.service import ServiceError


def invalid(message: str) -> ServiceError:
    """InvalidArgumentException."""
    return ServiceError("InvalidArgumentException", message)


def missing(name: str, account: str) -> ServiceError:
    """ResourceNotFoundException."""
    return ServiceError("ResourceNotFoundException", f"Firehose {name} under account {account} not found.")


def not_emulated(what: str) -> ServiceError:
    """What this fabric does not do: loud."""
    return ServiceError("NotImplemented", f"Firehose: {what} not emulated", status=501)
