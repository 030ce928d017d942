"""The errors of EventBridge."""

from __future__ import annotations

from stackproof.fabric.service import ServiceError


def validation(message: str) -> ServiceError:
    """ValidationException."""
    return ServiceError("ValidationException", message)


def constraint(value: object, member: str, rule: str) -> ServiceError:
    """A value that the service's model forbids."""
    return validation(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    )


def not_found(message: str) -> ServiceError:
    """ResourceNotFoundException."""
    return ServiceError("ResourceNotFoundException", message)


def exists(what: str, name: str) -> ServiceError:
    """ResourceAlreadyExistsException."""
    return ServiceError("ResourceAlreadyExistsException", f"{what} {name} already exists.")


def limit() -> ServiceError:
    """LimitExceededException."""
    return ServiceError(
        "LimitExceededException", "The requested resource exceeds the maximum number allowed."
    )


def bad_pattern(reason: str) -> ServiceError:
    """InvalidEventPatternException."""
    return ServiceError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


def managed(rule: str) -> ServiceError:
    """ManagedRuleException."""
    return ServiceError(
        "ManagedRuleException", f"Rule {rule} is a managed rule: only its owner may change it."
    )
