"""Errors as AWS IoT answers them."""

from __future__ import annotations

from stackproof.fabric.service import ServiceError


def invalid(message: str) -> ServiceError:
    """The request makes no sense."""
    return ServiceError("InvalidRequestException", message)


def not_found(message: str) -> ServiceError:
    """There is no such thing."""
    return ServiceError("ResourceNotFoundException", message, status=404)


def unauthorized(message: str) -> ServiceError:
    """What AWS answers for a rule that is not there."""
    return ServiceError("UnauthorizedException", message, status=401)


def exists(message: str) -> ServiceError:
    """The name is taken."""
    return ServiceError("ResourceAlreadyExistsException", message, status=409)


def conflict(message: str) -> ServiceError:
    """The version is another one."""
    return ServiceError("ConflictException", message, status=409)


def sql(message: str) -> ServiceError:
    """The statement of a rule cannot be read."""
    return ServiceError("SqlParseException", message)


def not_emulated(what: str) -> ServiceError:
    """Something that AWS IoT has and the fabric does not."""
    return ServiceError("NotImplemented", f"not emulated: AWS IoT {what}", status=501)
